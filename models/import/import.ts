// Makes a model folder of an ONNX file and rows with the scores that its own library gave them, and opens it through the
// gate. Either the whole folder is there afterwards, or nothing.
import { renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Fault } from '../../features/document.ts'
import { Faults, listed } from '../faults.ts'
import type { ParseDocument } from '../gate.ts'
import { ModelRefusal, type Thresholds } from '../model.ts'
import { openModel } from '../open.ts'
import { type OutputRule, scoreOf, sigmoid } from '../reading.ts'
import { writeImport } from './folder.ts'
import { areProbabilities, type Guess, guessReading, type RawOutput } from './guess.ts'
import { rawOutputs } from './raw-outputs.ts'
import { type Facts, gatherFacts, ImportError, type ImportRequest, scoreColumn } from './request.ts'
import { quantile } from './rows.ts'

export interface Imported {
  readonly rule: OutputRule
  readonly thresholds: Thresholds
  /** What was found out rather than asked for, a sentence each. */
  readonly notes: readonly string[]
  readonly goldenRows: number
  /** The largest from a golden score. */
  readonly difference: number
}

const quantilesMax = 1001

/** Throws ImportError, or ModelRefusal where the request is right and the model is not. Both say all that is wrong. */
export async function importModel(request: ImportRequest, parse: ParseDocument): Promise<Imported> {
  const facts = gatherFacts(request)
  const { rule, guess, thresholds, scores } = await readingOf(request, facts)
  const notes = notesOf(request, facts, guess, thresholds)
  const { folder, definitions, monotonicUs, isForReplay } = request
  const scratch = join(dirname(folder), `.${basename(folder)}.part`)
  const imported = {
    rule,
    thresholds,
    notes,
    goldenRows: facts.rows.length,
    difference: guess.difference,
  }
  try {
    writeImport(scratch, request, facts, { ...imported, scores })
    const model = await openModel(scratch, definitions, parse, { monotonicUs, isForReplay })
    await model.close()
    renameSync(scratch, folder)
    return imported
  } catch (error) {
    if (!(error instanceof ModelRefusal)) throw error
    throw new ModelRefusal(error.faults.map((fault) => renamed(fault, scratch, request, guess)))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** A fault of the folder, which nobody will see, as one of what it was made of. */
function renamed(
  fault: Fault,
  scratch: string,
  { file, golden }: ImportRequest,
  { reading }: Guess,
): Fault {
  const names = new Map([
    [join(scratch, 'model.onnx'), file],
    [join(scratch, 'golden.json'), golden.file],
  ])
  const read = `column ${reading.column} of ${reading.name}, read as ${reading.kind}`
  const hint = fault.path.startsWith('golden row') ? (fault.hint ?? read) : fault.hint
  return { ...fault, file: names.get(fault.file) ?? fault.file, hint }
}

interface Found {
  readonly rule: OutputRule
  readonly guess: Guess
  readonly thresholds: Thresholds
  /** Of the golden rows, as a decision would have them. */
  readonly scores: readonly number[]
}

/** How scores are read, and the proof: the golden rows are run once, and what comes out is held against their scores. */
async function readingOf(request: ImportRequest, facts: Facts): Promise<Found> {
  const { file, fraud, stranger, tolerance } = request
  const { model, imputations, rows } = facts
  const run = (some: Facts['rows'], only: string | null): Promise<RawOutput[]> =>
    rawOutputs(file, model, { rows: some, imputations, only, monotonicUs: request.monotonicUs })
  const outputs = await run(rows, request.output)
  refuseUnread(request, facts, outputs)
  const guess = guessReading(outputs, facts.scores, request, tolerance)
  if (guess === null) throw unreadable(request, outputs)
  const { name, column, kind } = guess.reading
  if (kind === 'label') refuseFractions(request, facts)
  const [sampled] = await run(facts.sample, name)
  const values = columnOf(sampled!, column).filter((value) => !Number.isNaN(value))
  const quantiles = kind === 'anomaly' ? quantilesOf(request, guess, values) : new Float64Array()
  const rule = { ...guess.reading, fraud, stranger, quantiles }
  const raw = columnOf(outputs.find((one) => one.name === name)!, column)
  const scores =
    kind === 'anomaly'
      ? // Of scores in steps a rounding could take one for its neighbour: what the library said has been checked above.
        Array.from(raw, scoreOf(rule))
      : facts.scores.map((score) => goldenScore(rule, score, areProbabilities(facts.scores)))
  const thresholds =
    request.thresholds ??
    thresholdsOf(request.sample === null ? [] : Array.from(values, scoreOf(rule)))
  return { rule, guess, thresholds, scores }
}

/** What the library said, as a decision would have it. Margins may be given as they are, or as probabilities. */
function goldenScore(rule: OutputRule, said: number, isProbability: boolean): number {
  if (rule.kind === 'margin') return isProbability ? said : sigmoid(said)
  return rule.kind === 'label' ? scoreOf(rule)(said) : said
}

/** Scores beyond 0…1 are margins or strangeness, and nobody but who brings them knows which. */
function refuseUnread(
  { golden, kind }: ImportRequest,
  { scores }: Facts,
  outputs: readonly RawOutput[],
): void {
  const isTold = kind !== null && kind !== 'probability'
  if (isTold || areProbabilities(scores) || outputs.every(({ isLabel }) => isLabel)) return
  const faults = new Faults(golden.file)
  const range = `${Math.min(...scores)} to ${Math.max(...scores)}`
  const hint = 'margins: --kind margin; strangeness: --kind anomaly; classes: --kind label'
  faults.add(scoreColumn, 'numbers from 0 to 1', range, hint)
  throw new ImportError(faults.list)
}

/** No label is one, and none would be told from any other. */
function refuseFractions({ golden }: ImportRequest, { scores }: Facts): void {
  const fraction = scores.find((score) => !Number.isInteger(score))
  if (fraction === undefined) return
  const faults = new Faults(golden.file)
  faults.add(scoreColumn, 'labels, which are whole numbers', String(fraction))
  throw new ImportError(faults.list)
}

function unreadable(
  { file, output, column, kind }: ImportRequest,
  outputs: readonly RawOutput[],
): ImportError {
  const faults = new Faults(file)
  const wish = [
    ...(output === null ? [] : [`--output ${output}`]),
    ...(column === null ? [] : [`--column ${column}`]),
    ...(kind === null ? [] : [`--kind ${kind}`]),
  ]
  const found = outputs.map(({ name, columns, isLabel }) => {
    return `${name} (${isLabel ? 'labels' : 'scores'}, ${columns} in a row)`
  })
  faults.add('outputs', `one for ${wish.join(' ')}`, listed(found))
  return new ImportError(faults.list)
}

function quantilesOf(
  { golden, tolerance, sample }: ImportRequest,
  { difference }: Guess,
  values: Float64Array,
): Float64Array {
  if (sample === null) {
    const faults = new Faults('--sample')
    faults.add(
      'rows',
      'those that the model was fitted on, for the quantiles of an anomaly',
      'none',
    )
    throw new ImportError(faults.list)
  }
  if (!(difference <= tolerance)) {
    const faults = new Faults(golden.file)
    faults.add(scoreColumn, `what the model gives, ± ${tolerance}`, `one that is ${difference} off`)
    throw new ModelRefusal(faults.list)
  }
  const ascending = values.sort()
  const count = Math.max(2, Math.min(quantilesMax, ascending.length))
  return Float64Array.from({ length: count }, (_, at) => quantile(ascending, at / (count - 1)))
}

function columnOf({ columns, values }: RawOutput, column: number): Float64Array {
  return values.filter((_, at) => at % columns === column)
}

/** One in a hundred of the sample is reviewed and one in a thousand denied, where its scores tell them apart. */
function thresholdsOf(scores: number[]): Thresholds {
  const usual = { review: 0.5, deny: 0.9 }
  if (scores.length === 0) return usual
  const ascending = Float64Array.from(scores).sort()
  const at = (share: number): number => Number(quantile(ascending, share).toFixed(6))
  const thresholds = { review: at(0.99), deny: at(0.999) }
  return thresholds.review > ascending[0]! && thresholds.review > 0 ? thresholds : usual
}

function notesOf(
  request: ImportRequest,
  { rows, statistics, imputation }: Facts,
  { reading, isOnly }: Guess,
  { review, deny }: Thresholds,
): string[] {
  const { golden, sample, features } = request
  const notes: string[] = []
  const { name, column, kind } = reading
  if (request.output === null || request.column === null || request.kind === null) {
    const others = isOnly ? 'nothing else agrees' : 'other columns or outputs agree, too,'
    const why = `${others} with the golden scores`
    notes.push(`Scores are column ${column} of ${name}, read as ${kind}: ${why}.`)
  }
  if (rows.length < golden.count) {
    notes.push(`Of ${golden.count} golden rows ${rows.length} were taken.`)
  }
  if (sample === null) {
    notes.push('Means, deviations and baselines are of the golden rows, for there is no --sample.')
  }
  if (request.imputation === null) {
    const stands = imputation === 'nan' ? 'NaN, as in the golden rows' : 'the mean'
    notes.push(`For an absent value stands ${stands}.`)
  }
  if (request.thresholds === null) {
    const why = sample === null ? 'for want of a sample' : '1 % and 0.1 % of the sample'
    notes.push(`Thresholds: review from ${review}, deny from ${deny}: ${why}.`)
  }
  const absent = features.filter((_, at) => statistics[at]!.count === 0)
  if (absent.length > 0) notes.push(`In every row absent: ${listed(absent)}.`)
  return notes
}
