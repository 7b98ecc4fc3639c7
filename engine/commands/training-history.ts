// Reads history into rows to train on: through the engine's own pipeline, so that each row is what the engine would have known
// at that transaction. The store is private and the model absent: nothing is decided, published or kept.
import { totalmem } from 'node:os'
import { evaluationParameters, generate, writeRow } from '../../features/generator/generator.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { type Transaction, Verdict } from '../../features/transaction.ts'
import { LabelMessages } from '../../models/train/label-messages.ts'
import { RowTable } from '../../models/train/row-table.ts'
import { judgedRows, splitHistory, warmUpMsOf } from '../../models/train/split.ts'
import type { History } from '../../models/train/training.ts'
import { type Assembly, makePipeline } from '../assemble.ts'
import { batchRowsMax } from '../core/limits.ts'
import type { OutcomeTally } from '../core/tally.ts'
import { EngineError } from '../errors.ts'
import { replay } from '../replay/replay.ts'
import { RowSource } from '../stream/row-source.ts'
import type { Context } from './command.ts'
import type { Input } from './input.ts'
import { journalBytesMax, type OpenInput, openHashKey, openInput, openProgress } from './open.ts'
import type { TrainOptions } from './training-options.ts'

/** Memory of all rows of a history; the journals may take half of the machine beside it. */
const tableBytesMax = Math.floor(totalmem() / 4)
/** Rows of the period to judge by, for each that is generated to train on. */
const judgedPerRow = 0.4

type Asked = Pick<TrainOptions, 'input' | 'messagesMax' | 'labelDelayMs' | 'judgedShare'>

/** Rows to learn from and rows to judge by: the generator is judged on a later period of its own, everything else on its end. */
export async function readHistory(
  asked: Asked,
  needsLabels: boolean,
  assembly: Assembly,
  context: Context,
): Promise<History> {
  const { input, messagesMax, labelDelayMs } = asked
  const table = await readTable(input, assembly, messagesMax, context)
  const isEvaluated = input.kind === 'generator' && !context.stop.aborted
  // Without a label, the newest rows have nothing to be kept back for.
  const isJudged = !isEvaluated && (needsLabels || hasLabel(table))
  const split = splitHistory(table, {
    warmUpMs: warmUpMsOf(table, windowMsMax(assembly), 0.25),
    labelDelayMs,
    judgedShare: isJudged ? asked.judgedShare : 0,
    needsLabels,
  })
  if (!isEvaluated) return { table, split, judgedTable: table, judged: split.judged }
  return { table, split, ...(await readEvaluation(assembly, messagesMax, context)) }
}

/** The same rows to judge by, without those to learn from. */
export async function readJudged(
  asked: Asked,
  assembly: Assembly,
  context: Context,
): Promise<Pick<History, 'judgedTable' | 'judged'>> {
  const { input, messagesMax } = asked
  return input.kind === 'generator'
    ? readEvaluation(assembly, messagesMax, context)
    : readHistory(asked, true, assembly, context)
}

function windowMsMax({ plan }: Assembly): number {
  return Math.max(...plan.features.map(({ windowMs }) => windowMs))
}

function hasLabel(table: RowTable): boolean {
  for (let row = 0; row < table.count; row++) if (table.isLabelled(row)) return true
  return false
}

/** The history that was asked for, with the labels of its rows and of its label messages. */
async function readTable(
  input: Input,
  assembly: Assembly,
  messagesMax: number,
  context: Context,
): Promise<RowTable> {
  const table = makeTable(assembly)
  const opened = await openInput(input, assembly, messagesMax, 0, context)
  const labels = new LabelMessages(opened.parser, (transaction) => table.identityOf(transaction))
  await readRows(
    'history',
    { ...opened, parser: labels },
    assembly,
    messagesMax,
    context,
    (row) => {
      return table.add(row.transaction, row.rows, row.at)
    },
  )
  const unknown = table.setLabels(labels.labels)
  if (unknown > 0) {
    context.stderr.write(
      `weir train: ${unknown} label messages name no transaction of the history\n`,
    )
  }
  return table
}

/**
 * A later period of the generator, in which fraudsters work otherwise. Its labels are the planted truth: a model is judged by
 * the fraud that nobody reported, too.
 */
async function readEvaluation(
  assembly: Assembly,
  trainedOn: number,
  context: Context,
): Promise<Pick<History, 'judgedTable' | 'judged'>> {
  const table = makeTable(assembly)
  const rows = Math.ceil(trainedOn * judgedPerRow)
  const truth = new PlantedTruth()
  const source = new RowSource(truth.rows(rows), rows, batchRowsMax, 0)
  const opened: OpenInput = { source, parser: assembly.mapping.parser(), name: 'generator' }
  await readRows(
    'evaluation',
    opened,
    assembly,
    rows,
    context,
    ({ transaction, rows: values, at }) => {
      return table.add(transaction, values, at, truth.of(transaction.id))
    },
  )
  const warmUpMs = warmUpMsOf(table, windowMsMax(assembly), 0.5)
  return { judgedTable: table, judged: judgedRows(table, warmUpMs) }
}

interface Row {
  readonly transaction: Transaction
  readonly rows: Float64Array
  readonly at: number
}

async function readRows(
  label: string,
  { source, parser, name }: OpenInput,
  assembly: Assembly,
  messagesMax: number,
  context: Context,
  add: (row: Row) => boolean,
): Promise<void> {
  const store = new MemoryStore(assembly.plan, { bytesMax: journalBytesMax })
  const pipeline = makePipeline(assembly, {
    store,
    parser,
    hashKey: openHashKey(context, true),
    mode: 'replay',
    source: name,
    clock: null,
    writesDecisions: false,
    onRow: (transaction, rows, at) => {
      if (add({ transaction, rows, at })) return
      throw new EngineError(
        'history_unfit',
        `the rows of this history need more than ${Math.round(tableBytesMax / 2 ** 30)} GiB, a quarter of this machine's memory: train on a part of it, with --limit, or --from and --to`,
      )
    },
  })
  const progress = openProgress(label, source, context)
  try {
    const parts = { source, pipeline, decisions: null, features: null, progress, messagesMax }
    const tally = await replay({ ...parts, stop: context.stop })
    context.stderr.write(`${label}: ${format(tally)}\n`)
  } finally {
    await source.close()
    await store.close()
  }
}

/** As `formatTally`, but nothing was decided: a transaction is a row. */
function format({ messages, decisions, duplicates, recorded, rejects }: OutcomeTally): string {
  const count = (value: number): string => value.toLocaleString('en-US')
  const { approve, review, deny } = decisions
  const parts = [`${count(approve + review + deny)} rows`]
  if (duplicates > 0) parts.push(`${count(duplicates)} duplicates`)
  if (recorded > 0) parts.push(`${count(recorded)} labels and reversals`)
  if (rejects.count > 0) parts.push(rejects.toString())
  return `${count(messages)} messages: ${parts.join('; ')}`
}

function makeTable({ plan }: Assembly): RowTable {
  return new RowTable(plan.features.length, plan.schema.primary, tableBytesMax)
}

/** What was planted, for rows that come back in the order in which they were made. */
class PlantedTruth {
  #made: { readonly id: string; readonly isFraud: boolean }[] = []
  #taken = 0

  /** Rows that got no decision are passed over. */
  of(id: string): Verdict {
    while (this.#made[this.#taken]!.id !== id) this.#taken++
    const { isFraud } = this.#made[this.#taken]!
    if (this.#taken > 4096) {
      this.#made = this.#made.slice(this.#taken)
      this.#taken = 0
    }
    return isFraud ? Verdict.fraud : Verdict.legit
  }

  *rows(count: number): Iterable<string> {
    for (const { row, isFraud } of generate({ ...evaluationParameters, rows: count })) {
      this.#made.push({ id: row.transaction_id, isFraud })
      yield writeRow(row)
    }
  }
}
