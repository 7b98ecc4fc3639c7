// Fits a network on rows of a table: seeded batches, a falling rate, and the epoch that did best on the validation rows is kept.
// Memory is that of one batch, besides the table.
import { Random } from '../../features/generator/random.ts'
import type { Dense } from './dense.ts'
import { type Perceptron, unweighted } from './perceptron.ts'
import { averagePrecision, rank } from './ranking.ts'
import type { RowTable } from './row-table.ts'
import { type InputScale, writeScaled } from './scaling.ts'
import type { Goal, Network, Tensorflow } from './tensorflow.ts'

export interface EpochOptions {
  /** Units of each hidden layer; none makes a logistic regression. */
  readonly hidden: readonly number[]
  readonly epochsMax: number
  /** Epochs without a better validation before it stops. */
  readonly patience: number
  readonly batchRows: number
  readonly learningRate: number
  /** Batches after which the rate is half of what it was. */
  readonly stepsPerHalving: number
  readonly seed: number
}

export interface FitOptions extends EpochOptions {
  /** Loss of a fraud counts so many times. */
  readonly fraudWeight: number
}

export interface FitData {
  readonly table: RowTable
  readonly scales: readonly InputScale[]
  readonly train: Int32Array
  readonly validation: Int32Array
}

export interface Epoch {
  /** From 1. */
  readonly number: number
  /** Mean over its rows, weighted. */
  readonly loss: number
  /** Of the validation rows: average precision, or squared error below zero. The highest is kept. */
  readonly quality: number
}

export interface Fit {
  readonly perceptron: Perceptron
  readonly best: Epoch
  readonly epochs: number
}

/** The layers of the best epoch. */
export interface LayersFit {
  readonly layers: readonly Dense[]
  readonly best: Epoch
  readonly epochs: number
}

export interface FitHooks {
  /** After each epoch. */
  epoch(epoch: Epoch): void
  /** Aborted to end at the next pause; then the fit rejects with the reason. */
  readonly stop: AbortSignal
}

/** Fits on `data`; the same options, rows and backend give the same bits. */
export async function fitNetwork(
  tensorflow: Tensorflow,
  data: FitData,
  options: FitOptions,
  hooks: FitHooks,
): Promise<Fit> {
  const { fraudWeight } = options
  const goal: Goal = { kind: 'fraud', fraudWeight, bias: firstMargin(data, fraudWeight) }
  const isFraud = fraudOf(data.table, data.validation)
  const quality = (network: Network): number => {
    const margins = new Float64Array(data.validation.length)
    answerAll(network, data, options.batchRows, (answers, first) => {
      margins.set(answers, first)
    })
    return averagePrecision(rank(margins, isFraud))
  }
  const { layers, ...rest } = await fitLayers(tensorflow, data, options, { goal, quality }, hooks)
  return { perceptron: unweighted(layers, fraudWeight), ...rest }
}

/** Fits layers that answer with their own inputs. */
export async function fitReconstruction(
  tensorflow: Tensorflow,
  data: FitData,
  options: EpochOptions,
  hooks: FitHooks,
): Promise<LayersFit> {
  const quality = (network: Network): number => {
    let error = 0
    answerAll(network, data, options.batchRows, (answers, _, rows) => {
      for (let at = 0; at < answers.length; at++) error += (answers[at]! - rows[at]!) ** 2
    })
    return -error / (data.validation.length * data.scales.length)
  }
  return fitLayers(tensorflow, data, options, { goal: { kind: 'inputs' }, quality }, hooks)
}

interface Task {
  readonly goal: Goal
  /** What an epoch is kept for. */
  quality(network: Network): number
}

async function fitLayers(
  tensorflow: Tensorflow,
  data: FitData,
  options: EpochOptions,
  task: Task,
  hooks: FitHooks,
): Promise<LayersFit> {
  const { goal } = task
  const { hidden, seed, epochsMax, patience } = options
  const network = tensorflow.network({ inputs: data.scales.length, hidden, goal, seed })
  try {
    const random = Random.of(seed, 'batches')
    const order = data.train.slice()
    let best: Epoch | null = null
    let layers: Dense[] = []
    let number = 0
    while (number < epochsMax && number - (best?.number ?? 0) < patience) {
      const steps = number * Math.ceil(order.length / options.batchRows)
      network.learningRate = options.learningRate * 0.5 ** (steps / options.stepsPerHalving)
      number++
      shuffle(order, random)
      const loss = await learnAll(network, data, order, options.batchRows, goal, hooks.stop)
      const epoch = { number, loss, quality: task.quality(network) }
      hooks.epoch(epoch)
      if (best !== null && !(epoch.quality > best.quality)) continue
      best = epoch
      layers = network.layers()
    }
    return { layers, best: best!, epochs: number }
  } finally {
    network.close()
  }
}

/** One pass over the rows of `order`; returns the mean loss. */
async function learnAll(
  network: Network,
  { table, scales }: FitData,
  order: Int32Array,
  batchRows: number,
  { kind }: Goal,
  stop: AbortSignal,
): Promise<number> {
  const rows = new Float32Array(batchRows * scales.length)
  const isFraud = new Float32Array(batchRows)
  let loss = 0
  for (let first = 0; first < order.length; first += batchRows) {
    const count = Math.min(batchRows, order.length - first)
    for (let r = 0; r < count; r++) {
      const row = order[first + r]!
      writeScaled(scales, table.values(row), rows, r * scales.length)
      isFraud[r] = table.isFraud(row) ? 1 : 0
    }
    loss += count * (await network.learn(rows, kind === 'fraud' ? isFraud : rows, count))
    await pause()
    stop.throwIfAborted()
  }
  return loss / order.length
}

type Take = (answers: Float64Array, first: number, rows: Float32Array) => void

/** Hands over the answers to all validation rows, batch by batch, with the place of the first and the scaled inputs. */
function answerAll(network: Network, data: FitData, batchRows: number, take: Take): void {
  const { table, scales, validation } = data
  const rows = new Float32Array(batchRows * scales.length)
  const answers = new Float64Array(batchRows * network.outputs)
  for (let first = 0; first < validation.length; first += batchRows) {
    const count = Math.min(batchRows, validation.length - first)
    for (let r = 0; r < count; r++) {
      writeScaled(scales, table.values(validation[first + r]!), rows, r * scales.length)
    }
    network.answer(rows, count, answers, 0)
    take(answers.subarray(0, count * network.outputs), first, rows)
  }
}

export function fraudOf(table: RowTable, rows: Int32Array): Uint8Array {
  return Uint8Array.from(rows, (row) => (table.isFraud(row) ? 1 : 0))
}

/** The margin of the weighted share of fraud: the network begins where a constant would end. */
function firstMargin({ table, train }: FitData, fraudWeight: number): number {
  const frauds = fraudOf(table, train).reduce((sum, value) => sum + value, 0)
  return Math.log((fraudWeight * frauds) / (train.length - frauds))
}

/** Fisher and Yates. */
function shuffle(order: Int32Array, random: Random): void {
  for (let at = order.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const held = order[at]!
    order[at] = order[other]!
    order[other] = held
  }
}

/** Lets signals be heard: a step blocks the thread, and its promise alone lets nothing else run. */
function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
