// Path attributions sum to the margin exactly, whatever the trees, rows and covers; and how far they are from Shapley values
// on trees that were fitted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readNodes } from '../graph/graph-nodes.ts'
import {
  modes,
  naiveMargin,
  randomRows,
  randomTrees,
  type TreeWishes,
  treeFile,
} from '../testing/random-trees.ts'
import { shapleyByDefinition, treeShap } from '../testing/tree-shap.ts'
import { expectationsOf, PathAttribution } from './attribution.ts'
import { coversOf } from './covers.ts'
import type { Ensemble } from './ensemble.ts'
import { treeScoreOf } from './graph-trees.ts'

const wishes = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  trees: fc.integer({ min: 1, max: 12 }),
  depthMax: fc.integer({ min: 0, max: 7 }),
  columns: fc.integer({ min: 1, max: 4 }),
  modes: fc.uniqueArray(fc.constantFrom(...modes), { minLength: 1 }),
  hasMissing: fc.boolean(),
  base: fc.option(fc.float({ noNaN: true, min: -100, max: 100 })),
  kind: fc.constant('regressor' as const),
}) satisfies fc.Arbitrary<TreeWishes>

function ensembleOf(wish: TreeWishes): Ensemble {
  const bytes = treeFile(randomTrees(wish), wish)
  const place = { input: 'features', columns: wish.columns, output: 'margin', column: 0 }
  return treeScoreOf(readNodes(bytes), place)!.ensemble
}

/** As a converter that knows no covers. */
const uncovered = (ensemble: Ensemble): Ensemble => ({ ...ensemble, covers: null })

function addedTo(paths: PathAttribution, row: Float32Array): number[] {
  const out = new Float64Array(row.length)
  paths.explain(row, 1, out)
  return [...out]
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0)

test('what the inputs added and the base sum to the margin, the same in any order', () => {
  fc.assert(
    fc.property(wishes, fc.boolean(), (wish, isKnown) => {
      const whole = ensembleOf(wish)
      const ensemble = isKnown ? whole : uncovered(whole)
      const { columns } = wish
      const background = randomRows(wish.seed + 1, 50, columns)
      const paths = new PathAttribution(
        ensemble,
        expectationsOf(ensemble, coversOf(ensemble, background)),
      )
      for (let seed = 0; seed < 10; seed++) {
        const row = randomRows(seed, 1, columns)
        const parts = [paths.base, ...addedTo(paths, row)]
        const sum = sumOf(parts)
        assert.equal(sum, sumOf(parts.toReversed()))
        // Unlike the naive twin's, the sum of the leaves without rounding.
        const exact = naiveMargin(randomTrees(wish), wish.base ?? 0, row, (one) => one)
        assert.ok(Math.abs(sum - exact) < 1e-9, `${sum}, the margin is ${exact}`)
      }
    }),
  )
})

test('an input that no tree asks for adds nothing, and one row explained is each row explained', () => {
  fc.assert(
    fc.property(wishes, (wish) => {
      const columns = wish.columns + 1
      const ensemble = { ...ensembleOf(wish), columns }
      const rows = randomRows(wish.seed, 7, columns)
      const paths = new PathAttribution(
        ensemble,
        expectationsOf(ensemble, coversOf(ensemble, rows)),
      )
      const out = new Float64Array(7 * columns)
      paths.explain(rows, 7, out)
      for (let at = 0; at < 7; at++) {
        const row = rows.subarray(at * columns, (at + 1) * columns)
        const alone = addedTo(paths, row)
        assert.deepEqual([...out.subarray(at * columns, (at + 1) * columns)], alone)
        assert.equal(alone.at(-1), 0)
      }
    }),
  )
})

test('a tree of one split gives the split’s input all that its side is from the mean', () => {
  // Three rows of four go to the leaf of weight 1, one to that of 5: the mean is 2.
  const ensemble: Ensemble = {
    ...{ columns: 2, base: 10, roots: Int32Array.of(0, 3), feature: Int32Array.of(1, 0, 0) },
    ...{ threshold: Float32Array.of(7, 0, 0), child: Int32Array.of(1, 0, 0) },
    ...{ isEqual: new Uint8Array(3), nanHolds: new Uint8Array(3) },
    ...{ weight: Float32Array.of(0, 5, 1), covers: null },
  }
  const covers = Float64Array.of(4, 1, 3)
  const paths = new PathAttribution(ensemble, expectationsOf(ensemble, covers))
  assert.equal(paths.base, 12)
  assert.deepEqual(addedTo(paths, Float32Array.of(0, 7)), [0, -1])
  assert.deepEqual(addedTo(paths, Float32Array.of(0, 7.5)), [0, 3])
})

test('covers are the rows that come by, or those of training, and none is zero', () => {
  fc.assert(
    fc.property(wishes, (wish) => {
      const whole = ensembleOf(wish)
      const { child, roots } = whole
      const rows = randomRows(wish.seed, 40, wish.columns)
      for (const [ensemble, all] of [
        [whole, null],
        [uncovered(whole), 40],
      ] as const) {
        const covers = coversOf(ensemble, rows)
        assert.ok(covers.every((cover) => cover > 0))
        for (const [node, first] of child.entries()) {
          if (first === 0) continue
          assert.equal(covers[node], covers[first]! + covers[first + 1]!)
        }
        if (all === null) continue
        for (const root of roots.subarray(0, -1)) {
          assert.ok(Math.abs(covers[root]! - all * 1.001) < 1e-9, `${covers[root]!} of ${all}`)
        }
      }
    }),
  )
})

test('the oracle gives Shapley values as they are defined', () => {
  fc.assert(
    fc.property(wishes, (wish) => {
      const ensemble = ensembleOf({ ...wish, depthMax: Math.min(wish.depthMax, 5) })
      const rows = randomRows(wish.seed, 5, wish.columns)
      const covers = coversOf(ensemble, rows)
      for (let at = 0; at < 5; at++) {
        const row = rows.subarray(at * wish.columns, (at + 1) * wish.columns)
        const expected = shapleyByDefinition(ensemble, covers, row)
        for (const [input, one] of treeShap(ensemble, covers, row).entries()) {
          assert.ok(Math.abs(one - expected[input]!) < 1e-9, `input ${input}: ${one}`)
        }
      }
    }),
    { numRuns: 50 },
  )
})
