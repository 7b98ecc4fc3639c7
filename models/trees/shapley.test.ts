// How far path attributions are from Shapley values, on trees that were fitted: what an explanation may claim.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeGraph } from '../graph/graph.ts'
import { readNodes } from '../graph/graph-nodes.ts'
import { treeShap } from '../testing/tree-shap.ts'
import { formulaColumns, formulaTable } from '../train/testing/formula-rows.ts'
import { fitTrees } from '../train/trees/boosting.ts'
import { ensembleGraph } from '../train/trees/ensemble-graph.ts'
import { expectationsOf, PathAttribution } from './attribution.ts'
import { coversOf } from './covers.ts'
import { treeScoreOf } from './graph-trees.ts'

const columns = Array.from({ length: formulaColumns }, (_, column) => column)
const options = {
  ...{ treesMax: 60, patience: 60, leavesMax: 15, depthMax: 64, learningRate: 0.1, rowsMin: 20 },
  ...{ hessianMin: 1e-3, l2: 1, rowShare: 1, featureShare: 1, fraudWeight: 1, seed: 1 },
}

/** Inputs, what added most first. */
function ranked(added: readonly number[]): number[] {
  return [...columns].sort((a, b) => added[b]! - added[a]!)
}

/** Spearman's: 1 for the same order. */
function rankCorrelation(one: readonly number[], other: readonly number[]): number {
  const size = one.length
  const squares = one.reduce((sum, input, rank) => sum + (rank - other.indexOf(input)) ** 2, 0)
  return 1 - (6 * squares) / (size * (size ** 2 - 1))
}

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / numbers.length

test('of the rows with the highest scores, path and Shapley values name the same first cause in 7 of 10, and 8 of 10 of the first three', async () => {
  const table = formulaTable(7, 16_000)
  const all = Int32Array.from({ length: table.count }, (_, row) => row)
  const [train, rest] = [all.subarray(0, 12_800), all.subarray(12_800)]
  const quiet = { stop: new AbortController().signal, round: (): void => undefined }
  const fit = await fitTrees({ table, columns, train, validation: rest }, options, quiet)
  const bytes = writeGraph(ensembleGraph('fitted', fit.ensemble))
  const place = { input: 'features', columns: formulaColumns, output: 'score', column: 0 }
  const { ensemble, isSigmoid } = treeScoreOf(readNodes(bytes), place)!
  assert.ok(isSigmoid && ensemble.covers !== null)

  const covers = coversOf(ensemble, new Float32Array(0))
  const paths = new PathAttribution(ensemble, expectationsOf(ensemble, covers))
  const explained = [...rest].map((at) => {
    const row = Float32Array.from(columns, (column) => table.values(at)[column]!)
    const added = new Float64Array(formulaColumns)
    paths.explain(row, 1, added)
    return { row, added: [...added], margin: mean([...added]) }
  })
  const highest = explained.sort((a, b) => b.margin - a.margin).slice(0, 200)
  const pairs = highest.map(({ row, added }) => {
    return [ranked(added), ranked(treeShap(ensemble, covers, row))] as const
  })
  const first = mean(pairs.map(([path, shapley]) => Number(path[0] === shapley[0])))
  const three = mean(
    pairs.map(
      ([path, shapley]) =>
        path.slice(0, 3).filter((input) => shapley.slice(0, 3).includes(input)).length / 3,
    ),
  )
  const order = mean(pairs.map(([path, shapley]) => rankCorrelation(path, shapley)))
  const near = (found: number, expected: number, what: string): void => {
    assert.ok(Math.abs(found - expected) < 0.02, `${what}: ${found}, was ${expected}`)
  }
  near(first, 0.735, 'the same first input')
  near(three, 0.825, 'of the first three, shared')
  near(order, 0.871, 'rank correlation')
})
