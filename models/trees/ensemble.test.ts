// Ensembles that no trainer writes: whatever is no set of trees is never walked, and everything that is one ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readNodes } from '../graph/graph-nodes.ts'
import { WireError } from '../graph/protobuf.ts'
import { attribute } from '../testing/model-files.ts'
import {
  modes,
  randomRows,
  randomTrees,
  type TreeLists,
  type TreeWishes,
  treeFile,
} from '../testing/random-trees.ts'
import { type Ensemble, floatBefore } from './ensemble.ts'
import { treeScoreOf } from './graph-trees.ts'
import { Walker } from './walker.ts'

const columns = 2
const wish: TreeWishes = {
  ...{ seed: 1, trees: 1, depthMax: 2, columns, hasMissing: false, base: null },
  ...{ modes: ['BRANCH_LEQ'], kind: 'regressor' },
}

/** Root 0 with leaves 1 and 2, and the same once more as tree 1. */
const lists: TreeLists = {
  treeids: [0, 0, 0, 1, 1, 1],
  nodeids: [0, 1, 2, 0, 1, 2],
  featureids: [0, 0, 0, 1, 0, 0],
  values: [0.5, 0, 0, 0.5, 0, 0],
  modes: ['BRANCH_LEQ', 'LEAF', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'],
  missing: [0, 0, 0, 0, 0, 0],
  truenodeids: [1, 0, 0, 1, 0, 0],
  falsenodeids: [2, 0, 0, 2, 0, 0],
  hitrates: [4, 1, 3, 4, 2, 2],
  leafTrees: [0, 0, 1, 1],
  leafNodes: [1, 2, 1, 2],
  weights: [1, 2, 10, 20],
}

function read(
  parts: Partial<TreeLists>,
  more: Partial<TreeWishes> = {},
  attributes: Parameters<typeof treeFile>[2] = [],
): Ensemble | null {
  const bytes = treeFile({ ...lists, ...parts }, { ...wish, ...more }, attributes)
  const column = more.kind === 'classifier' ? 1 : 0
  const place = { input: 'features', columns, output: 'margin', column }
  return treeScoreOf(readNodes(bytes), place)?.ensemble ?? null
}

function walk(ensemble: Ensemble, row: readonly number[]): number {
  const bits = new Int32Array(Float32Array.from(row).buffer)
  return new Walker(ensemble, 1).walk(bits, 1)[0]!
}

test('trees are read as they stand', () => {
  const ensemble = read({})!
  assert.equal(walk(ensemble, [0.5, 0.6]), 21)
  assert.deepEqual(ensemble.covers, Float64Array.of(0, 3, 1, 0, 2, 2))
})

/** Each is one change; what is left is no ensemble. */
const damages: readonly (readonly [string, Partial<TreeLists>])[] = [
  ['a node that is its own child', { truenodeids: [0, 0, 0, 1, 0, 0] }],
  ['a child that is both', { falsenodeids: [1, 0, 0, 2, 0, 0] }],
  ['a child that is not there', { falsenodeids: [7, 0, 0, 2, 0, 0] }],
  ['a child below zero', { falsenodeids: [-1, 0, 0, 2, 0, 0] }],
  [
    'a node that nothing leads to',
    {
      nodeids: [0, 1, 2, 0, 1, 2],
      modes: ['LEAF', 'LEAF', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'],
      leafNodes: [0, 0, 1, 2],
    },
  ],
  ['two nodes of one number', { nodeids: [0, 1, 1, 0, 1, 2] }],
  ['a tree in two places', { treeids: [0, 0, 1, 1, 1, 0] }],
  [
    'a loop of two',
    {
      modes: ['BRANCH_LEQ', 'BRANCH_LEQ', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'],
      truenodeids: [1, 0, 0, 1, 0, 0],
      falsenodeids: [2, 2, 0, 2, 0, 0],
    },
  ],
  [
    'a root that is not the first',
    {
      nodeids: [1, 0, 2, 0, 1, 2],
      modes: ['LEAF', 'BRANCH_LEQ', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'],
      truenodeids: [0, 1, 0, 1, 0, 0],
      falsenodeids: [0, 2, 0, 2, 0, 0],
    },
  ],
  ['a threshold that is no number', { values: [Number.NaN, 0, 0, 0.5, 0, 0] }],
  ['a column too many', { featureids: [2, 0, 0, 1, 0, 0] }],
  ['a column below zero', { featureids: [-1, 0, 0, 1, 0, 0] }],
  [
    'an unknown comparison',
    { modes: ['BRANCH_MEMBER', 'LEAF', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'] },
  ],
  ['a list that is too short', { values: [0.5, 0, 0, 0.5, 0] }],
  ['a vote without a weight', { weights: [1, 2, 10] }],
  ['a vote of no tree', { leafTrees: [0, 0, 1, 9] }],
  ['a vote of no node', { leafNodes: [1, 2, 1, 9] }],
  [
    'a leaf that votes twice',
    { leafTrees: [0, 0, 1, 1, 1], leafNodes: [1, 2, 1, 2, 2], weights: [1, 2, 10, 20, 30] },
  ],
  [
    'a leaf that does not vote',
    { leafTrees: [0, 0, 1], leafNodes: [1, 2, 1], weights: [1, 2, 10] },
  ],
  ['a weight that is no number', { weights: [1, 2, Number.NaN, 20] }],
  ['an infinite weight', { weights: [1, 2, 10, Number.POSITIVE_INFINITY] }],
  [
    'no nodes',
    {
      treeids: [],
      nodeids: [],
      featureids: [],
      values: [],
      modes: [],
      missing: [],
      truenodeids: [],
      falsenodeids: [],
      hitrates: [],
      leafTrees: [],
      leafNodes: [],
      weights: [],
    },
  ],
]

for (const [what, parts] of damages) {
  test(`${what} makes it no ensemble`, () => {
    assert.equal(read(parts), null)
  })
}

test('what sums otherwise is left to the runtime', () => {
  for (const [name, text] of [
    ['aggregate_function', 'AVERAGE'],
    ['aggregate_function', 'MAX'],
    ['post_transform', 'LOGISTIC'],
    ['post_transform', 'PROBIT'],
  ] as const) {
    assert.equal(read({}, {}, [attribute.text(name, text)]), null, text)
  }
  assert.equal(read({}, { base: Number.NaN }), null)
  assert.equal(read({}, {}, [attribute.floats('base_values', [1, 2])]), null)
  const kind = 'classifier'
  assert.ok(read({}, { kind }) !== null)
  for (const transform of ['SOFTMAX', 'SOFTMAX_ZERO', 'PROBIT', 'LOGISTIC']) {
    assert.equal(read({}, { kind }, [attribute.text('post_transform', transform)]), null, transform)
  }
  // Without a transform the runtime turns a sum that may be below zero about.
  assert.equal(read({ weights: [1, -2, 10, 20] }, { kind }), null)
})

test('covers that nobody counted are none', () => {
  const six = (rate: number): number[] => Array<number>(6).fill(rate)
  for (const hitrates of [six(1), [], six(-1), [1, 2, Number.NaN, 1, 1, 1]]) {
    assert.equal(read({ hitrates })!.covers, null, String(hitrates))
  }
})

test('below every float32 is the next one', () => {
  const cases = [
    1,
    1 - 2 ** -24,
    0,
    -(2 ** -149),
    -0,
    -(2 ** -149),
    2 ** -149,
    0,
    -1,
    -1 - 2 ** -23,
  ]
  for (let at = 0; at < cases.length; at += 2) assert.equal(floatBefore(cases[at]!), cases[at + 1])
  assert.equal(floatBefore(Number.POSITIVE_INFINITY), 3.4028234663852886e38)
  assert.ok(Number.isNaN(floatBefore(Number.NEGATIVE_INFINITY)))
})

test('nodes in any order, children anywhere, bits flipped: it is refused or walked to an end', () => {
  const anyList = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
    fc.array(one, { minLength: 6, maxLength: 6 })
  const small = anyList(fc.integer({ min: -1, max: 7 }))
  const parts = fc.record({
    treeids: anyList(fc.integer({ min: 0, max: 1 })),
    nodeids: small,
    truenodeids: small,
    falsenodeids: small,
    featureids: small,
    modes: anyList(fc.constantFrom(...modes, 'LEAF', 'BRANCH_MEMBER', '')),
  })
  fc.assert(
    fc.property(fc.oneof(parts, parts, fc.constant({})), (damage) => {
      const ensemble = read(damage)
      if (ensemble !== null) assert.ok(Number.isFinite(walk(ensemble, [1, 2])))
    }),
    { numRuns: 2000 },
  )
  const bytes = treeFile(randomTrees({ ...wish, depthMax: 4 }), wish)
  const place = { input: 'features', columns, output: 'margin', column: 0 }
  const rows = new Int32Array(randomRows(1, 5, columns).buffer)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    try {
      const score = treeScoreOf(readNodes(flipped), place)
      if (score !== null) new Walker(score.ensemble, 5).walk(rows, 5)
    } catch (error) {
      assert.ok(error instanceof WireError, `bit ${bit}: ${String(error)}`)
    }
  }
})
