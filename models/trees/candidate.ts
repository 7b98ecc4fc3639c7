// A candidate for admission as trees: what is read out of its graph, and the graph that the runtime is given instead.
import type { Candidate } from '../gate.ts'
import { readNodes } from '../graph/graph-nodes.ts'
import { WireError } from '../graph/protobuf.ts'
import type { Manifest } from '../manifest.ts'
import { coversOf } from './covers.ts'
import type { Ensemble } from './ensemble.ts'
import { type ScorePlace, type TreeScore, treeScoreOf } from './graph-trees.ts'
import { marginGraph, marginInput, marginOutput } from './margin-graph.ts'

export interface Trees {
  readonly ensemble: Ensemble
  readonly covers: Float64Array
  /** Reads a score from the ensemble's sum. */
  readonly manifest: Manifest
  /** A graph that ends at the sum. */
  readonly graph: () => Buffer
}

/** Null for any other model: then the runtime runs its graph whole. */
export function readTrees(candidate: Candidate): Trees | null {
  const { manifest, bytes, golden, background } = candidate
  const { kind, name, column } = manifest.output
  if (kind !== 'probability' && kind !== 'margin') return null
  const columns = manifest.inputs.length
  const score = scoreIn(bytes, { input: manifest.input, columns, output: name, column })
  if (score === null || (score.isSigmoid && kind === 'margin')) return null
  const { ensemble, isSigmoid } = score
  const rows = (background ?? golden.rows).flatMap((row) =>
    row.map((value, input) => value ?? manifest.inputs[input]!.imputation),
  )
  const output = {
    ...manifest.output,
    name: marginOutput,
    column: 0,
    kind: isSigmoid ? ('margin' as const) : kind,
  }
  return {
    ensemble,
    covers: coversOf(ensemble, Float32Array.from(rows)),
    manifest: { ...manifest, input: marginInput, output },
    graph: () => marginGraph(ensemble),
  }
}

function scoreIn(bytes: Buffer, place: ScorePlace): TreeScore | null {
  try {
    return treeScoreOf(readNodes(bytes), place)
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}
