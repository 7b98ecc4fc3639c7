// Opens what several commands need: the assembly of the configured files, the input as a source with its parser, the
// outputs, and progress. Composition only.
import { totalmem } from 'node:os'
import { closest, show } from '../../features/document.ts'
import {
  defaultParameters,
  type GeneratedTransaction,
  generate,
  writeRow,
} from '../../features/generator/generator.ts'
import type { Mapping } from '../../features/mapping.ts'
import type { Parser } from '../../features/transaction.ts'
import type { OnAttempt } from '../../models/session.ts'
import {
  type Assembled,
  type Assembly,
  assemble,
  hasShippedFeatures,
  shipped,
} from '../assemble.ts'
import { type Config, hashKeyOf } from '../config.ts'
import { batchRowsMax } from '../core/limits.ts'
import type { LineSink, Log, Source } from '../core/ports.ts'
import type { RejectTally } from '../core/tally.ts'
import { EngineError } from '../errors.ts'
import { readLineup, seatsOf } from '../lineup/lineup-file.ts'
import { ProgressLine } from '../progress.ts'
import { openFile } from '../stream/file-source.ts'
import { FileLines, StreamLines } from '../stream/line-files.ts'
import { RowSource } from '../stream/row-source.ts'
import type { Context } from './command.ts'
import { toStdout } from './flags.ts'
import type { Input } from './input.ts'
import { openRange } from './kafka.ts'

/** Memory of journals in one process: half of the machine. */
export const journalBytesMax = Math.floor(totalmem() / 2)

/** `live`: with a model that is fast enough. `replay`: with one that takes its time. */
export type AssemblyUse = 'live' | 'replay' | 'without a model'

/**
 * The parts that the configuration names. The generator comes with its own mapping. The shipped model comes with
 * every catalog that has all features of the shipped one; with another there is no score, and stderr says so.
 */
export function openAssembly(
  { loaded, stderr, clock, log }: Context,
  isGenerated: boolean,
  use: AssemblyUse,
): Promise<Assembled> {
  const { catalog, models, modelsFolder, policy, rolloutBy } = loaded.config
  const isServed = catalog.length === 0 || hasShippedFeatures(catalog)
  const shippedModel = isServed ? [{ folder: shipped.model, share: 0 }] : []
  const isAsked = loaded.origins.get('models')?.startsWith('option') === true
  const lineup = modelsFolder === null || isAsked ? null : readLineup(modelsFolder)
  const placed = lineup === null ? models : seatsOf(modelsFolder!, lineup.models)
  const named = placed.length > 0 ? placed : shippedModel
  const isScored = use !== 'without a model'
  if (isScored && named.length === 0) {
    stderr.write(
      'weir: no --model for this catalog: scores are null, outcomes the default of the policy\n',
    )
  }
  const files = {
    ...declaredFiles(loaded.config, isGenerated),
    models: isScored ? named : [],
    policy,
  }
  const scoring = { ...scoringOptions(loaded.config, log), isForReplay: use !== 'live' }
  return assemble(files, { clock, rolloutBy, scoring })
}

/** Mapping and catalogs; the shipped ones where none are named. */
export function declaredFiles({ source, catalog }: Config, isGenerated: boolean) {
  return {
    mapping: isGenerated && source === null ? shipped.mapping : source!,
    catalog: catalog.length === 0 ? shipped.catalog : catalog,
  }
}

/** How models are run, and a line in the log for each provider that is tried. */
export function scoringOptions({ scoring }: Config, log: Log) {
  const onAttempt: OnAttempt = ({ failure, ...attempt }) => {
    if (failure === null) log.info(attempt, 'a provider runs the model')
    else log.warn({ ...attempt, failure }, 'a provider does not run the model')
  }
  return { providers: scoring.providers, rowMax: scoring.batchMax, onAttempt }
}

/** The hash key of the configuration; `isDevelopmentAllowed` where nothing that is stored outlives the command. */
export function openHashKey(
  { loaded, stderr }: Context,
  isDevelopmentAllowed: boolean,
): Uint8Array {
  const { bytes, isDevelopment } = hashKeyOf(loaded.config, isDevelopmentAllowed)
  if (isDevelopment && loaded.config.kafka.brokers.length > 0) {
    stderr.write(
      'weir: no hash key is set: this uses the public development key (set WEIR_HASH_KEY)\n',
    )
  }
  return bytes
}

export interface OpenInput {
  readonly source: Source
  readonly parser: Parser
  /** What decisions call it. */
  readonly name: string
}

/**
 * Opens a file, a range of a topic or the generator. `partition`, of what has none: 0, or -1 where a store should not
 * remember it as a source (backfill).
 * `onGenerated` sees each generated transaction with its truth.
 */
export async function openInput(
  input: Input,
  assembly: Assembly,
  messagesMax: number,
  partition: number,
  context: Context,
  onGenerated: ((transaction: GeneratedTransaction) => void) | null = null,
): Promise<OpenInput> {
  if (input.kind === 'file') {
    const source = await openFile(input.file, assembly.mapping, batchRowsMax, partition)
    try {
      checkColumns(input.file, assembly.mapping, source.columns)
    } catch (error) {
      await source.close()
      throw error
    }
    return { source, parser: assembly.mapping.parser(source.columns ?? undefined), name: 'file' }
  }
  if (input.kind === 'topic') {
    const source = await openRange(input, context.loaded.config, context.log)
    return { source, parser: assembly.mapping.parser(), name: input.topic }
  }
  const parameters = { ...defaultParameters, seed: input.seed, rows: messagesMax }
  const source = new RowSource(
    rowsOf(generate(parameters), onGenerated),
    messagesMax,
    batchRowsMax,
    partition,
  )
  return { source, parser: assembly.mapping.parser(), name: 'generator' }
}

/** Throws EngineError `input_invalid` where the header of a CSV file lacks a mapped column or has it twice. */
function checkColumns(file: string, { sources }: Mapping, columns: readonly string[] | null): void {
  if (columns === null) return
  const faults = sources.flatMap((field) => {
    const count = columns.filter((column) => column === field).length
    if (count === 1) return []
    if (count > 1) return [`the column ${field} once, found it ${count} times`]
    const near = closest(field, columns)
    return [`the column ${field}${near === null ? '' : ` (did you mean ${show(near)}?)`}`]
  })
  if (faults.length === 0) return
  const expected = `expected ${faults.join('; ')}; the header is ${show(columns)}`
  throw new EngineError('input_invalid', `reading ${file}: ${expected}`)
}

function* rowsOf(
  transactions: Iterable<GeneratedTransaction>,
  onGenerated: ((transaction: GeneratedTransaction) => void) | null,
): Iterable<string> {
  for (const transaction of transactions) {
    onGenerated?.(transaction)
    yield writeRow(transaction.row)
  }
}

/** A file, or stdout for `-`. */
export async function openLines(file: string, { stdout }: Context): Promise<LineSink> {
  return file === toStdout ? new StreamLines(stdout) : FileLines.open(file)
}

/** `details`: what the line says beyond rate and time left; asked when it is printed. */
export function openProgress(
  label: string,
  source: Source,
  context: Context,
  details: () => readonly string[] = () => [],
): ProgressLine {
  const { clock, isTerminal, stderr } = context
  return new ProgressLine({
    label,
    total: source.total,
    clock,
    isTerminal,
    details,
    write: (text) => stderr.write(text),
  })
}

/** A mapping that fits no message is not this input's. Throws EngineError `input_invalid`. */
export function refuseAllRejected(messages: number, rejects: RejectTally): void {
  if (messages === 0 || rejects.count < messages) return
  throw new EngineError('input_invalid', `no message was taken, the first is at ${rejects.first}`)
}

/** Lists, once, the features that this mapping cannot fill. */
export function tellAbsent({ plan }: Assembly, { stderr }: Context): void {
  if (plan.absent.length === 0) return
  stderr.write(`weir: absent under this mapping: ${plan.absent.join(', ')}\n`)
}
