// Opens what `--features-out` names, with what `--with` adds. A label can come long after its transaction as a message of
// its own, so the labels of an input that has such messages are read before its rows are.
import { extname } from 'node:path'
import type { Plan } from '../../features/plan.ts'
import { Kind, Transaction } from '../../features/transaction.ts'
import { LabelMessages } from '../../models/train/label-messages.ts'
import { RowTable } from '../../models/train/row-table.ts'
import type { Assembly } from '../assemble.ts'
import { EngineError } from '../errors.ts'
import {
  type FactName,
  factColumns,
  factNames,
  type KnownLabel,
  ownLabel,
} from '../replay/facts.ts'
import { type RowSink, TextRows } from '../replay/feature-rows.ts'
import { ParquetRows } from '../replay/parquet-rows.ts'
import type { Context } from './command.ts'
import type { Flags } from './flags.ts'
import type { Input } from './input.ts'
import { openInput, openLines, openProgress } from './open.ts'

export const rowEndings = ['.parquet', '.csv', '.jsonl'] as const

/** `--with`, which needs `--features-out`. */
export function readFacts(flags: Flags): FactName[] {
  const text = flags.text('--with')
  if (text === null) return []
  if (!flags.has('--features-out')) {
    flags.fault('--with', 'it with --features-out only', 'no --features-out')
  }
  return text.split(',').flatMap((part) => {
    const name = factNames.find((one) => one === part.trim())
    if (name === undefined) flags.fault('--with', `some of ${factNames.join(', ')}`, part)
    return name ?? []
  })
}

export interface RowsAsked {
  /** Absolute, or `-` for stdout: as JSON lines. */
  readonly file: string
  readonly facts: readonly FactName[]
  readonly input: Input
  readonly messagesMax: number
}

/** Throws EngineError where nothing can be written, or a feature has the name of a column that was asked for. */
export async function openRows(
  asked: RowsAsked,
  assembly: Assembly,
  context: Context,
): Promise<RowSink> {
  const { file, facts } = asked
  const hasLabelMessages = assembly.mapping.schema.kinds.includes(Kind.label)
  const labelOf =
    facts.includes('label') && hasLabelMessages
      ? await readLabels(asked, assembly, context)
      : ownLabel
  const columns = factColumns(facts, labelOf)
  const features = assembly.plan.features.map(({ name }) => name)
  const taken = columns.find(({ name }) => features.includes(name))
  if (taken !== undefined) {
    const what = `option --with: expected columns that no feature is named like, found the feature ${taken.name}`
    throw new EngineError('usage', what)
  }
  if (extname(file) === '.parquet') return ParquetRows.open(file, columns, features)
  const format = extname(file) === '.csv' ? 'csv' : 'jsonl'
  return new TextRows(await openLines(file, context), format, columns, features)
}

/** Reads the input for its labels alone. As in training, the latest verdict on a transaction is its label. */
async function readLabels(
  { input, messagesMax }: RowsAsked,
  assembly: Assembly,
  context: Context,
): Promise<(transaction: Transaction) => KnownLabel> {
  const { source, parser } = await openInput(input, assembly, messagesMax, 0, context)
  const identities = identitiesOf(assembly.plan)
  const messages = new LabelMessages(parser, identities)
  const progress = openProgress('labels', source, context)
  const { entities, fields } = parser.schema
  const transaction = new Transaction(entities.length, fields.length)
  let count = 0
  try {
    for await (const batch of source.batches()) {
      for (const { value, timestampMs } of batch) {
        if (count++ < messagesMax) messages.parse(value ?? noBytes, timestampMs, transaction)
      }
      progress.update(count, source.position())
      if (count >= messagesMax || context.stop.aborted) break
    }
  } finally {
    progress.end()
    await source.close()
  }
  const { labels } = messages
  return (row) => {
    const own = ownLabel(row)
    const told = labels.get(identities(row))
    // NaN, no label of its own, is not later.
    return told === undefined || own.atMs > told.atMs ? own : told
  }
}

/** As the rows to train on are told apart. */
function identitiesOf(plan: Plan): (transaction: Transaction) => number {
  const table = new RowTable(plan.features.length, plan.schema.primary, 0)
  return (transaction) => table.identityOf(transaction)
}

const noBytes = new Uint8Array(0)
