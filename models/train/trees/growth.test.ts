// Claims about bins and about one tree: thresholds divide raw values as bins do, and a naive trainer makes the same splits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minstd } from '../testing/minstd.ts'
import { growNaively, type NaiveSplit } from '../testing/naive-growth.ts'
import { makeTable } from '../testing/table-rows.ts'
import { type BinnedRows, binOf, binRows, type FeatureBins, fitBins, valueBins } from './bins.ts'
import { Growth, type GrowthRules, type Sample } from './growth.ts'
import type { Tree } from './tree.ts'

const rules: GrowthRules = {
  leavesMax: 12,
  depthMax: 20,
  learningRate: 0.5,
  rowsMin: 1,
  hessianMin: 0.25,
  l2: 1,
}

function binsOf(values: readonly number[]): FeatureBins {
  const table = makeTable(
    1,
    values.map((value) => ({ values: [value] })),
  )
  return fitBins(table, Int32Array.from(values.keys()), [0])[0]!
}

test('few values have a bin each, and a threshold lies between two of them', () => {
  const bins = binsOf([3, 1, 2, 3, Number.NaN, 1e9, -5])
  assert.deepEqual([...bins.edges], [-2, 1.5, 2.5, 500_000_000])
  assert.deepEqual(
    [-9, -5, 1, 1.5, 2, 3, 1e9, 1e30, Number.NaN].map((value) => binOf(value, bins.edges)),
    [0, 0, 1, 1, 2, 3, 4, 4, 5],
  )
})

test('neighbouring floats are told apart', () => {
  // What lies between them is rounded to the upper one.
  const low = 1 + 2 ** -23
  const high = 1 + 2 ** -22
  const bins = binsOf([low, high])
  assert.deepEqual([...bins.edges], [low])
  assert.deepEqual([binOf(low, bins.edges), binOf(high, bins.edges)], [0, 1])
})

test('many values share 255 bins of about as many rows, and one that half of the rows have does not starve the rest', () => {
  const next = minstd(5)
  const values = Array.from({ length: 20_000 }, () => (next() % 2 === 0 ? 0 : (next() % 9000) + 1))
  const bins = binsOf(values)
  assert.equal(valueBins(bins), 255)
  const counts = new Int32Array(256)
  for (const value of values) counts[binOf(value, bins.edges)]!++
  const most = Math.max(...counts.subarray(1))
  assert.ok(most < 100, `a bin of ${most} rows`)
  assert.ok(counts[254]! > 10, `a last bin of ${counts[254]} rows`)
})

test('a column that never varies has one bin', () => {
  assert.equal(valueBins(binsOf([4, 4, Number.NaN])), 1)
  assert.equal(valueBins(binsOf([Number.NaN, Number.NaN])), 1)
})

interface Small {
  readonly binned: BinnedRows
  readonly features: readonly FeatureBins[]
  readonly sample: Sample
  readonly values: readonly number[][]
}

/** Rows whose derivatives are sums of few powers of two: then every order of adding gives the same bits, and equal gains are equal. */
function small(seed: number): Small {
  const next = minstd(seed)
  const count = 30 + (next() % 60)
  const values = Array.from({ length: count }, () => [
    next() % 20,
    next() % 3 === 0 ? Number.NaN : next() % 7,
    3,
    next() % 2 === 0 ? Number.NaN : 1,
    (next() % 1000) - 500,
  ])
  const table = makeTable(
    5,
    values.map((row) => ({ values: row })),
  )
  const rows = Int32Array.from({ length: count }, (_, row) => row)
  const features = fitBins(table, rows, [0, 1, 2, 3, 4])
  return {
    features,
    values,
    binned: binRows(table, rows, features),
    sample: {
      gradients: Float32Array.from(rows, () => ((next() % 65) - 32) / 64),
      hessians: Float32Array.from(rows, () => (1 + (next() % 16)) / 64),
      rows: seed % 3 === 0 ? rows.filter((row) => row % 4 !== 1) : rows,
      features: seed % 4 === 0 ? Int32Array.of(1, 3, 4) : Int32Array.of(0, 1, 2, 3, 4),
    },
  }
}

/** In the order in which they were made: a leaf keeps its number for its left half. */
function splitsOf(tree: Tree): NaiveSplit[] {
  const leafOf = (split: number): number => {
    const left = tree.left[split]!
    return left < 0 ? ~left : leafOf(left)
  }
  return Array.from(tree.feature, (feature, split) => ({
    leaf: leafOf(split),
    feature,
    bin: tree.bin[split]!,
    isAbsentLeft: tree.absentLeft[split] === 1,
    rows: tree.cover[split]!,
  }))
}

test('a naive trainer makes the same splits, values and covers: absent values, constants, samples of rows and features', () => {
  let splits = 0
  let absentLeft = 0
  for (let seed = 1; seed <= 60; seed++) {
    const { binned, features, sample } = small(seed)
    const own = { ...rules, rowsMin: 1 + (seed % 5), depthMax: seed % 7 === 0 ? 2 : 20 }
    const tree = new Growth(binned, features, own).grow(sample)
    const naive = growNaively(binned, features, own, sample)
    const again = `seed ${seed}: node --test growth.test.js`
    assert.deepEqual(splitsOf(tree), naive.splits, again)
    assert.deepEqual([...tree.value], naive.values, again)
    assert.deepEqual([...tree.leafCover], naive.counts, again)
    splits += naive.splits.length
    absentLeft += naive.splits.filter(({ isAbsentLeft }) => isAbsentLeft).length
  }
  assert.ok(splits > 300 && absentLeft > 50, `${splits} splits, ${absentLeft} with absent left`)
})

test('buffers are used again: a tree does not know of the tree before it', () => {
  const { binned, features, sample } = small(8)
  const growth = new Growth(binned, features, rules)
  const first = growth.grow(sample)
  growth.grow({ ...sample, rows: sample.rows.subarray(3, 20), features: Int32Array.of(2, 4) })
  assert.deepEqual(growth.grow(sample), first)
})

test('what is known of raw values alone goes the way of its bins, to the leaf', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { binned, features, sample, values } = small(seed)
    const tree = new Growth(binned, features, { ...rules, leavesMax: 30 }).grow(sample)
    const counts = new Int32Array(tree.value.length)
    for (const row of sample.rows) {
      let at = 0
      while (at >= 0) {
        const value = values[row]![features[tree.feature[at]!]!.column]!
        const isLeft = Number.isNaN(value)
          ? tree.absentLeft[at] === 1
          : value <= tree.threshold[at]!
        at = isLeft ? tree.left[at]! : tree.right[at]!
      }
      counts[~at]!++
    }
    assert.deepEqual(counts, tree.leafCover, `seed ${seed}`)
  }
})
