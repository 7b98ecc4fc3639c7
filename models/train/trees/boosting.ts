// Fits trees on rows of a table by gradient boosting: each tree on the derivatives of the log-loss that those before it left,
// until the validation rows are ranked no better. Memory is a byte a value, and thirty more a row.
import { Random } from '../../../features/generator/random.ts'
import { fraudOf } from '../fit.ts'
import type { LearningRows } from '../fitted.ts'
import { averagePrecision, rank } from '../ranking.ts'
import { type BinnedRows, binRows, type FeatureBins, fitBins } from './bins.ts'
import { Growth, type GrowthRules, type Sample } from './growth.ts'
import { addMargins, type Ensemble, type Tree } from './tree.ts'

export interface TreeOptions extends GrowthRules {
  readonly treesMax: number
  /** Trees without a better validation before it stops. */
  readonly patience: number
  /** Of rows and of features, drawn anew for each tree. */
  readonly rowShare: number
  readonly featureShare: number
  /** Loss of a fraud counts so many times. */
  readonly fraudWeight: number
  readonly seed: number
}

export interface Round {
  /** From 1. */
  readonly number: number
  /** Over the validation rows, a fraud counting once. */
  readonly loss: number
  readonly averagePrecision: number
}

export interface TreeFit {
  readonly ensemble: Ensemble
  readonly best: Round
  readonly rounds: number
}

export interface TreeHooks {
  /** After each tree. */
  round(round: Round): void
  /** Aborted to end at the next pause; then the fit rejects with the reason. */
  readonly stop: AbortSignal
}

/** Fits on `data`; the same options and rows give the same bits. */
export async function fitTrees(
  data: LearningRows,
  options: TreeOptions,
  hooks: TreeHooks,
): Promise<TreeFit> {
  const { table, columns, train, validation } = data
  const features = fitBins(table, train, columns)
  const boosting = new Boosting(data, features, options)
  const judged = binRows(table, validation, features)
  const isFraud = fraudOf(table, validation)
  const margins = new Float64Array(validation.length).fill(boosting.base)
  const trees: Tree[] = []
  let best: Round | null = null
  while (trees.length < options.treesMax && trees.length - (best?.number ?? 0) < options.patience) {
    const tree = boosting.next()
    trees.push(tree)
    addMargins(tree, judged, boosting.absentBins, margins)
    const round = {
      number: trees.length,
      loss: logLoss(margins, isFraud, options.fraudWeight),
      averagePrecision: averagePrecision(rank(margins, isFraud)),
    }
    hooks.round(round)
    if (best === null || round.averagePrecision > best.averagePrecision) best = round
    await pause()
    hooks.stop.throwIfAborted()
  }
  return {
    ensemble: {
      columns,
      trees: trees.slice(0, best!.number),
      base: Math.fround(boosting.base - Math.log(options.fraudWeight)),
    },
    best: best!,
    rounds: trees.length,
  }
}

/** Trees, one after the other, each on what is left of the loss. */
class Boosting {
  /** The margin of the weighted share of fraud: where a constant would end. */
  readonly base: number
  readonly #options: TreeOptions
  readonly #rows: BinnedRows
  readonly #isFraud: Uint8Array
  readonly #growth: Growth
  readonly #margins: Float64Array
  readonly #gradients: Float32Array
  readonly #hessians: Float32Array
  readonly #random: Random
  readonly #allFeatures: Int32Array

  constructor(
    { table, train }: LearningRows,
    features: readonly FeatureBins[],
    options: TreeOptions,
  ) {
    const { fraudWeight, seed } = options
    this.#options = options
    this.#isFraud = fraudOf(table, train)
    const frauds = this.#isFraud.reduce((sum, value) => sum + value, 0)
    this.base = Math.log((fraudWeight * frauds) / (train.length - frauds))
    this.#rows = binRows(table, train, features)
    this.#growth = new Growth(this.#rows, features, options)
    this.#margins = new Float64Array(train.length).fill(this.base)
    this.#gradients = new Float32Array(train.length)
    this.#hessians = new Float32Array(train.length)
    this.#random = Random.of(seed, 'trees')
    this.#allFeatures = Int32Array.from(features.keys())
  }

  get absentBins(): Int32Array {
    return this.#growth.absentBins
  }

  next(): Tree {
    this.#derive()
    const { rowShare, featureShare } = this.#options
    const sample: Sample = {
      gradients: this.#gradients,
      hessians: this.#hessians,
      rows: this.#draw(this.#rows.count, rowShare),
      features: this.#draw(this.#allFeatures.length, featureShare),
    }
    const tree = this.#growth.grow(sample)
    if (rowShare === 1) this.#growth.addMargins(tree, this.#margins)
    else addMargins(tree, this.#rows, this.absentBins, this.#margins)
    return tree
  }

  /** First and second derivatives of each row's log-loss by its margin. */
  #derive(): void {
    const { fraudWeight } = this.#options
    const margins = this.#margins
    for (let row = 0; row < margins.length; row++) {
      const isFraud = this.#isFraud[row]!
      const score = 1 / (1 + Math.exp(-margins[row]!))
      const weight = isFraud === 1 ? fraudWeight : 1
      this.#gradients[row] = weight * (score - isFraud)
      this.#hessians[row] = weight * score * (1 - score)
    }
  }

  /** A share of the numbers below `count`, ascending, at least one (Knuth's algorithm S). */
  #draw(count: number, share: number): Int32Array {
    const wanted = Math.max(1, Math.round(count * share))
    const drawn = new Int32Array(wanted)
    let taken = 0
    for (let number = 0; taken < wanted; number++) {
      const isSure = wanted === count
      if (isSure || this.#random.uniform() * (count - number) < wanted - taken) {
        drawn[taken++] = number
      }
    }
    return drawn
  }
}

/** Mean log-loss of margins whose frauds weighed more: as of the scores, which are probabilities again. */
function logLoss(margins: Float64Array, isFraud: Uint8Array, fraudWeight: number): number {
  const shift = Math.log(fraudWeight)
  let sum = 0
  for (let row = 0; row < margins.length; row++) {
    const margin = margins[row]! - shift
    sum += Math.log1p(Math.exp(isFraud[row] === 1 ? -margin : margin))
  }
  return sum / margins.length
}

/** Lets signals be heard: a tree blocks the thread. */
function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
