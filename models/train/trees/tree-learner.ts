// Boosted trees as the port has them: fitted by boosting.ts on inputs of which absent ones stay absent.
import type { GraphSource } from '../../graph/graph.ts'
import { sigmoid } from '../../reading.ts'
import type {
  Fitted,
  FittedInput,
  Learner,
  LearningHooks,
  LearningRows,
  ScoreKind,
} from '../fitted.ts'
import { fitScaling } from '../scaling.ts'
import { whole } from '../text.ts'
import { fitTrees, type TreeOptions } from './boosting.ts'
import { ensembleGraph } from './ensemble-graph.ts'
import { type Ensemble, marginOf } from './tree.ts'

/** Trees between two reports. */
const reportTrees = 10

export class TreeLearner implements Learner {
  readonly needsLabels = true
  readonly #options: TreeOptions

  constructor(options: TreeOptions) {
    this.#options = options
  }

  async fit(rows: LearningRows, hooks: LearningHooks): Promise<Fitted> {
    const { table, train, validation } = rows
    const scales = fitScaling(table, train, rows.columns)
    const columns = scales.map(({ column }) => column)
    const data = { table, columns, train, validation }
    const { ensemble, best, rounds } = await fitTrees(data, this.#options, {
      stop: hooks.stop,
      round: ({ number, loss, averagePrecision }) => {
        if (number % reportTrees !== 0) return
        hooks.progress({
          step: `trees: ${number}`,
          loss,
          validation: `average precision ${averagePrecision.toFixed(4)}`,
          passes: reportTrees,
        })
      },
    })
    const inputs = scales.map((scale) => ({ ...scale, imputation: Number.NaN }))
    return new FittedTrees(inputs, ensemble, {
      description: describe(ensemble, this.#options, rounds, best.averagePrecision),
      facts: {
        fit: 'trees',
        ...this.#options,
        trees: ensemble.trees.length,
        fittedTrees: rounds,
        validationAveragePrecision: Number(best.averagePrecision.toFixed(4)),
      },
    })
  }
}

function describe(
  { trees, columns }: Ensemble,
  options: TreeOptions,
  rounds: number,
  precision: number,
): string[] {
  const { leavesMax, learningRate, fraudWeight, l2, rowsMin, rowShare, featureShare } = options
  const leaves = trees.reduce((sum, { value }) => sum + value.length, 0)
  const share = (of: number): string => (of === 1 ? 'all' : `${Math.round(100 * of)} % of the`)
  return [
    `${trees.length} boosted trees of at most ${leavesMax} leaves (${whole(leaves)} in all) on ${columns.length} inputs: learning rate ${learningRate}, L2 ${l2}, at least ${rowsMin} rows`,
    `a leaf, ${share(rowShare)} rows and ${share(featureShare)} inputs for each tree, a fraud weighing ${fraudWeight}, seed ${options.seed}. Of ${rounds} trees those up to the best`,
    `validation were kept: average precision ${precision.toFixed(3)}. Absent values are told from all others. (TensorFlow.js fitted the logistic regression below.)`,
  ]
}

class FittedTrees implements Fitted {
  readonly inputs: readonly FittedInput[]
  readonly output: ScoreKind = { kind: 'probability' }
  readonly tolerance = 1e-6
  readonly description: readonly string[]
  readonly facts: Fitted['facts']
  readonly #ensemble: Ensemble

  constructor(
    inputs: readonly FittedInput[],
    ensemble: Ensemble,
    { description, facts }: Pick<Fitted, 'description' | 'facts'>,
  ) {
    this.inputs = inputs
    this.description = description
    this.facts = facts
    this.#ensemble = ensemble
  }

  score(values: Float32Array): number {
    return sigmoid(marginOf(this.#ensemble, values))
  }

  graph(name: string): GraphSource {
    return ensembleGraph(name, this.#ensemble)
  }
}
