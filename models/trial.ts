// The trial: what can be known of a model only by running it, before it scores for anybody. Its rows are the folder's
// golden ones and a few that are nothing like them.
import { Random } from '../features/generator/random.ts'
import { Faults } from './faults.ts'
import type { Golden, Row } from './manifest.ts'
import { type Model, ModelError, ModelRefusal } from './model.ts'

/** A row alone may take no more: a whole decision has a millisecond. The fastest of the warm-up counts. */
export const latencyUsMax = 1000
/** Of a replay, for which nobody waits; a model that takes longer would not end it in days. */
export const replayLatencyUsMax = 100_000

const warmUpRounds = 20
/** Calls after the first that were all too slow, for so long together: further ones would be, too. */
const slowUsMax = 100_000

/** Bytes that a call may leave behind. A round is so many calls that what is measured is not chance. */
const leftBytesMax = 64 * 1024
const memoryCalls = 64
/** What grows for other reasons than the calls does not grow in every round. */
const memoryRoundsMax = 8
/** Golden rows that are tried in every kind of batch; all are scored. */
const probeRowsMax = 64
const faultsMax = 3

/** A model that is not yet admitted. */
export interface OnTrial extends Model {
  /** From now on every call has `rowMax` rows, whatever its count. */
  pad(): void
}

/** `monotonicUs` null: any speed will do. `latencyUsMax`: of a row alone. */
export interface TrialTerms {
  readonly file: string
  readonly golden: Golden
  readonly tolerance: number
  readonly monotonicUs: (() => number) | null
  readonly latencyUsMax: number
}

/**
 * Pads the model if that makes its scores repeatable, and then resolves to true. Rejects with ModelRefusal with everything
 * that is wrong.
 */
export async function tryModel(model: OnTrial, terms: TrialTerms): Promise<boolean> {
  let isPadded = false
  await gather(terms, async (faults) => {
    await checkLatency(model, terms, faults)
    // A slow model would take minutes to try, and one that keeps memory all of it.
    if (faults.list.length === 0) await checkMemory(model, faults)
    if (faults.list.length > 0) return
    isPadded = await checkAlone(model, probesOf(model, terms.golden), faults)
    if (faults.list.length === 0) await checkGolden(model, terms, faults)
  })
  return isPadded
}

/** What is left of a trial where the same files passed it before: the golden rows. Rejects as `tryModel`. */
export function tryAgain(model: OnTrial, terms: TrialTerms): Promise<void> {
  return gather(terms, (faults) => checkGolden(model, terms, faults))
}

async function gather(terms: TrialTerms, check: (faults: Faults) => Promise<void>): Promise<void> {
  const faults = new Faults(terms.file)
  try {
    await check(faults)
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    const { cause } = error
    faults.add(
      'run',
      'a score for each row',
      cause instanceof Error ? cause.message : error.message,
    )
  }
  if (faults.list.length > 0) throw new ModelRefusal(faults.list)
}

/** Lets the runtime allocate for the smallest and the largest batch, and takes the time of a row alone. */
async function checkLatency(
  model: OnTrial,
  { golden, monotonicUs, latencyUsMax: mostUs }: TrialTerms,
  faults: Faults,
): Promise<void> {
  const out = new Float64Array(model.rowMax)
  let fastestUs = Number.POSITIVE_INFINITY
  for (let row = 0; row < model.rowMax; row++) {
    writeRow(model, golden.rows[row % golden.rows.length]!, row)
  }
  let slowUs = 0
  for (let round = 0; round < warmUpRounds && slowUs < slowUsMax; round++) {
    const beganUs = monotonicUs?.() ?? 0
    await model.score(1, out)
    if (monotonicUs === null) continue
    const tookUs = monotonicUs() - beganUs
    fastestUs = Math.min(fastestUs, tookUs)
    // The first makes ready what the others find.
    if (round > 0 && fastestUs > mostUs) slowUs += tookUs
  }
  if (monotonicUs !== null && fastestUs > mostUs) {
    faults.add('latency', `at most ${mostUs} µs for a row alone`, `${fastestUs} µs at best`)
    return
  }
  for (let round = 0; round < warmUpRounds; round++) await model.score(model.rowMax, out)
}

/** What is outside the heap must stop growing once the runtime is warm: a leak grows in every round. */
async function checkMemory(model: OnTrial, faults: Faults): Promise<void> {
  const out = new Float64Array(model.rowMax)
  let leastBytes = Number.POSITIVE_INFINITY
  for (let round = 0; round < memoryRoundsMax; round++) {
    const before = bytesOutsideHeap()
    for (let call = 0; call < memoryCalls; call++) await model.score(1, out)
    leastBytes = Math.min(leastBytes, (bytesOutsideHeap() - before) / memoryCalls)
    if (leastBytes <= leftBytesMax) return
  }
  const found = `${Math.round(leastBytes / 1024)} kB more after each, in ${memoryRoundsMax} rounds of ${memoryCalls}`
  faults.add('memory', 'calls that give back what they take', found)
}

function bytesOutsideHeap(): number {
  const { rss, heapTotal } = process.memoryUsage()
  return rss - heapTotal
}

/**
 * A row's score must be the same bits alone, in a batch of any size, in any place and company. A model that differs by the
 * batch's size alone gets one size for ever; one that differs within one size lets other transactions into a score.
 */
async function checkAlone(
  model: OnTrial,
  probes: readonly Row[],
  faults: Faults,
): Promise<boolean> {
  const batch = new Batch(model, probes)
  const all = [...probes.keys()]
  for (const probe of all) await batch.isAsBefore(1, [probe])
  let isEqual = true
  for (let size = 2; size <= model.rowMax && isEqual; size++) {
    isEqual = await batch.isAsBefore(size, all)
  }
  if (isEqual) return false
  model.pad()
  batch.forget()
  for (const probe of all) {
    // Among its like as among others: what lies far out could drown others alike in every mixture.
    const isAlone =
      (await batch.isAsBefore(model.rowMax, [probe])) && (await batch.isAsBefore(model.rowMax, all))
    if (isAlone) continue
    const hint = 'reductions over the first dimension mix the rows of a batch'
    const found = 'two scores of one row, by its place or the rows beside it'
    faults.add('run', 'a score that depends on its own row alone', found, hint)
    break
  }
  return true
}

/** Batches of probes, over and over in the same buffers; remembers the score of each. */
class Batch {
  readonly #model: OnTrial
  readonly #probes: readonly Row[]
  readonly #random = Random.of(0, 'trial')
  readonly #probeAt: Int32Array
  readonly #out: Float64Array
  readonly #scores = new Map<number, number>()

  constructor(model: OnTrial, probes: readonly Row[]) {
    this.#model = model
    this.#probes = probes
    this.#probeAt = new Int32Array(model.rowMax)
    this.#out = new Float64Array(model.rowMax)
  }

  forget(): void {
    this.#scores.clear()
  }

  /** Scores `size` rows, each one of `choice` at random; false if any of them has had another score. */
  async isAsBefore(size: number, choice: readonly number[]): Promise<boolean> {
    for (let row = 0; row < size; row++) {
      const probe = choice[Math.floor(this.#random.uniform() * choice.length)]!
      this.#probeAt[row] = probe
      writeRow(this.#model, this.#probes[probe]!, row)
    }
    await this.#model.score(size, this.#out)
    for (let row = 0; row < size; row++) {
      const probe = this.#probeAt[row]!
      const score = this.#out[row]!
      if (!this.#scores.has(probe)) this.#scores.set(probe, score)
      else if (!Object.is(this.#scores.get(probe), score)) return false
    }
    return true
  }
}

/** The scores that the training run saw. Names the worst. */
async function checkGolden(
  model: OnTrial,
  { golden: { rows, scores }, tolerance }: TrialTerms,
  faults: Faults,
): Promise<void> {
  const out = new Float64Array(model.rowMax)
  const wrong: { row: number; found: number; off: number }[] = []
  for (let start = 0; start < rows.length; start += model.rowMax) {
    const count = Math.min(model.rowMax, rows.length - start)
    for (let row = 0; row < count; row++) writeRow(model, rows[start + row]!, row)
    await model.score(count, out)
    for (let row = 0; row < count; row++) {
      const found = out[row]!
      const off = Math.abs(found - scores[start + row]!)
      if (off <= tolerance) continue
      wrong.push({ row: start + row, found, off: Number.isNaN(off) ? Infinity : off })
    }
  }
  wrong.sort((a, b) => b.off - a.off || a.row - b.row)
  for (const { row, found } of wrong.slice(0, faultsMax)) {
    const isNumber = !Number.isNaN(found)
    const text = isNumber ? String(found) : 'no number within 0…1'
    const hint = isNumber ? null : 'NaN, or a margin: that needs kind: margin'
    faults.add(`golden row ${row}`, `${scores[row]!} ± ${tolerance}`, text, hint)
  }
  if (wrong.length > faultsMax) {
    const found = `${wrong.length} that are not, the worst of them above`
    faults.add('golden rows', `all ${rows.length} within the tolerance`, found)
  }
}

/** Golden rows, and rows that no training run saw: absent, zero, typical and far out. */
export function probesOf({ inputs }: Model, { rows }: Golden): Row[] {
  return [
    ...rows.slice(0, probeRowsMax),
    inputs.map(() => null),
    inputs.map(() => 0),
    inputs.map(({ mean }) => mean),
    inputs.map(({ mean, deviation }) => mean + 3 * deviation),
    inputs.map(({ mean, deviation }) => mean - 3 * deviation),
    inputs.map(({ mean, deviation }) => 1000 * (Math.abs(mean) + deviation + 1)),
  ]
}

/** Imputed, as the engine writes it. */
export function writeRow({ inputs, rows }: Model, values: Row, row: number): void {
  for (const [input, { imputation }] of inputs.entries()) {
    rows[row * inputs.length + input] = values[input] ?? imputation
  }
}
