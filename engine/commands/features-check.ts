// `weir features --check`: one transaction of a history with its features as the engine computes them and by hand, and the records
// that counted. For an analyst's doubt; exit 1 where the two differ.
import { createHash } from 'node:crypto'
import type { HandRecord, HandValue } from '../../features/by-hand.ts'
import { maskCardNumbers } from '../../features/cards.ts'
import type { Feature } from '../../features/catalog.ts'
import { closest, show } from '../../features/document.ts'
import { HandJournals } from '../../features/hand-journals.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { Kind, Transaction } from '../../features/transaction.ts'
import { type Assembly, makePipeline } from '../assemble.ts'
import type { Message, Outcome } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { definitionText } from './catalog-report.ts'
import type { Context } from './command.ts'
import { journalBytesMax, openInput } from './open.ts'
import { columns, count } from './text.ts'

export interface CheckOptions {
  readonly file: string
  /** Id of the transaction; null for the last of the file. */
  readonly id: string | null
  /** This feature alone, with every record that counted; null for all, without. */
  readonly feature: string | null
}

/** The transaction that is checked, as both have it. */
interface Checked {
  readonly record: HandRecord
  readonly id: string
  readonly tenant: string
  readonly decision: Decision
  readonly before: number
}

interface Decision {
  readonly features: Readonly<Record<string, number | null>>
  readonly approximate: readonly string[]
}

/** Nothing is stored, and nothing is compared with what is. */
const hashKey = createHash('sha256').update('weir features --check').digest().subarray(0, 16)

/** Writes the check to stdout; 1 where a number that is not marked approximate is not what it is by hand. */
export async function checkFeatures(
  options: CheckOptions,
  assembly: Assembly,
  context: Context,
): Promise<number> {
  const { features } = assembly.catalog
  if (options.feature !== null && !features.some(({ name }) => name === options.feature)) {
    const names = features.map(({ name }) => name)
    const near = closest(options.feature, names)
    const hint = near === null ? '' : ` (did you mean ${near}?)`
    const expected = 'option --feature: expected a feature of the catalog'
    throw new EngineError('usage', `${expected}, found ${show(options.feature)}${hint}`)
  }
  const journals = new HandJournals(features, assembly.mapping.schema)
  const checked = await readUntil(options, assembly, journals, context)
  const lines = [
    `${masked(checked.id)}, ${timeText(checked.record.timeMs)}, amount ${checked.record.amount}; ${count(checked.before)} messages before it`,
    '',
  ]
  let differing = 0
  const rows = [['feature', 'engine', 'by hand', 'earlier records', '', 'computes']]
  const evidence: string[] = []
  for (const feature of features) {
    if (options.feature !== null && feature.name !== options.feature) continue
    const engine = checked.decision.features[feature.name] ?? null
    const hand = handValue(feature, checked, journals, assembly)
    const isApproximate = checked.decision.approximate.includes(feature.name)
    const isEqual = hand === null || Object.is(hand.value, engine)
    if (!isEqual && !isApproximate) differing++
    const isAbsent = assembly.plan.absent.includes(feature.name)
    const mark = isAbsent ? 'absent' : isEqual ? '' : isApproximate ? 'approximate' : 'DIFFERS'
    const byHand = hand === null ? '' : numberText(hand.value)
    const records = hand === null ? '' : count(hand.counted.length)
    const computes = definitionText(feature)
    rows.push([feature.name, numberText(engine), byHand, records, mark, computes])
    if (hand !== null && options.feature !== null) evidence.push(...recordLines(feature, hand))
  }
  lines.push(...columns(rows))
  if (evidence.length > 0) lines.push('', ...evidence)
  context.stdout.write(`${lines.join('\n')}\n`)
  return differing === 0 ? 0 : 1
}

/** Decides the file up to the transaction; `journals` holds by hand what came before it. */
async function readUntil(
  { file, id }: CheckOptions,
  assembly: Assembly,
  journals: HandJournals,
  context: Context,
): Promise<Checked> {
  const input = { kind: 'file', file } as const
  const { source, parser } = await openInput(input, assembly, Infinity, 0, context)
  const store = new MemoryStore(assembly.plan, { bytesMax: journalBytesMax })
  const mode = 'replay'
  const pipeline = makePipeline(assembly, {
    store,
    parser,
    hashKey,
    mode,
    source: 'file',
    clock: null,
  })
  const { entities, fields } = assembly.mapping.schema
  const transaction = new Transaction(entities.length, fields.length)
  let last: Checked | null = null
  let before = 0
  try {
    for await (const batch of source.batches()) {
      const outcomes = await pipeline.process(batch)
      for (const [at, outcome] of outcomes.entries()) {
        if (last !== null) {
          if (isAsked(last, id)) return last
          journals.add(last.tenant, last.record)
          last = null
        }
        if (isTaken(outcome)) {
          last = take(batch[at]!, outcome, before)
        }
        before++
      }
      if (context.stop.aborted) break
    }
  } finally {
    await source.close()
    await store.close()
  }
  if (last !== null && isAsked(last, id ?? last.id)) return last
  throw notFound(file, id)

  function take(message: Message, outcome: Outcome, before: number): Checked {
    parser.parse(message.value!, message.timestampMs, transaction)
    const record = journals.record(transaction)
    const decision = JSON.parse(outcome.value) as Decision
    return { record, id: transaction.id, tenant: transaction.tenant, decision, before }
  }
}

/** Reversals and labels have the id of the transaction that they name, and no features. */
function isAsked({ record, id }: Checked, asked: string | null): boolean {
  return id === asked && record.kind === Kind.transaction
}

/** What left a record: duplicates and rejects did not. */
function isTaken({ type }: Outcome): boolean {
  return type === 'decision' || type === 'recorded'
}

function notFound(file: string, id: string | null): EngineError {
  const expected = id === null ? 'a transaction in its last line' : `the transaction ${show(id)}`
  return new EngineError('input_invalid', `reading ${file}: expected ${expected}, found none`)
}

/** Null for what is no window, and for what the mapping cannot deliver. */
function handValue(
  feature: Feature,
  checked: Checked,
  journals: HandJournals,
  { plan }: Assembly,
): HandValue | null {
  if (feature.aggregate === null || plan.absent.includes(feature.name)) return null
  const hand = journals.of(feature.entity!, checked.tenant, checked.record)
  return hand === null ? { value: null, counted: [] } : hand.value(feature)
}

/** Each earlier record that counted, in order of arrival. */
function recordLines({ of }: Feature, { counted }: HandValue): string[] {
  const head = ['', 'transaction', 'time', 'amount', of === null || of === 'amount' ? '' : of]
  const rows = counted.map((r) => [
    '',
    masked(r.name),
    timeText(r.timeMs),
    numberText(Number.isNaN(r.amount) ? null : r.amount),
    of === null || of === 'amount' ? '' : masked(r.values[of] ?? '–'),
  ])
  return rows.length === 0 ? [] : ['the earlier records that counted:', ...columns([head, ...rows])]
}

function numberText(value: number | null): string {
  return value === null ? '–' : String(value)
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

/** Ids may be card numbers: what is shown may be pasted anywhere. */
function masked(text: string): string {
  return Buffer.from(maskCardNumbers(Buffer.from(text))).toString()
}
