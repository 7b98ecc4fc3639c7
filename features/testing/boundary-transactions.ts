// Seeded transactions that lie where windows are decided: exactly a window after a record of their own card or merchant, a ms
// before and after it, and at the same ms. Journals stay short enough for a naive twin: ids come in cohorts that end.
import { Kind, Transaction, type TransactionSchema, Verdict } from '../transaction.ts'
import { followUp, makeRandom } from './random-transactions.ts'

export interface BoundaryOptions {
  readonly seed: number
  readonly count: number
  /** Spans from a record to a transaction that some window ends at. */
  readonly spansMs: readonly number[]
  /** Share of messages that are reversals, declines or labels of an earlier transaction. */
  readonly lifecycle: number
}

const cards = 12
const merchants = 6
const cohortMessages = 700
const stepMs = 700
const startMs = 1_700_000_000_000

/** In arrival order. Entities are card, merchant and what else the schema has; ids are unique. */
export function* boundaryTransactions(
  schema: TransactionSchema,
  options: BoundaryOptions,
): Iterable<Transaction> {
  const random = makeRandom(options.seed)
  const pick = (count: number): number => Math.floor(random() * count)
  let nowMs = startMs
  let past: Transaction[] = []
  for (let n = 0; n < options.count; n++) {
    if (n % cohortMessages === 0) past = []
    nowMs += pick(2 * stepMs)
    if (past.length > 0 && random() < options.lifecycle) {
      yield followUp(schema, past[pick(past.length)]!, nowMs, random)
      continue
    }
    const transaction = new Transaction(schema.entities.length, schema.fields.length)
    transaction.tenant = 'default'
    transaction.id = `t${n}`
    const cohort = Math.floor(n / cohortMessages)
    for (let e = 0; e < schema.entities.length; e++) {
      const count = e === schema.primary ? cards : merchants
      const isAbsent = e !== schema.primary && random() < 0.05
      transaction.entities[e] = isAbsent ? null : `${cohort}.${pick(count)}`
    }
    for (let f = 0; f < schema.fields.length; f++) {
      transaction.fields[f] = random() < 0.1 ? null : String(pick(4))
    }
    transaction.timeMs = timeOf(transaction, past, nowMs, options.spansMs, random)
    transaction.atMs = transaction.timeMs
    fill(transaction, schema, random)
    past.push(transaction)
    yield transaction
  }
}

/** Where the transaction lies: at a boundary of one of its own records, a little late, or now. */
function timeOf(
  { entities }: Transaction,
  past: readonly Transaction[],
  nowMs: number,
  spansMs: readonly number[],
  random: () => number,
): number {
  const fate = random()
  if (fate > 0.75) return fate > 0.9 ? nowMs - Math.floor(random() * 20_000) : nowMs
  const entity = random() < 0.5 ? 0 : 1
  const own = past.filter((other) => other.entities[entity] === entities[entity])
  if (own.length === 0) return nowMs
  if (fate < 0.15) return own.at(-1 - Math.floor(random() * Math.min(3, own.length)))!.timeMs
  const spanMs = spansMs[Math.floor(random() * spansMs.length)]!
  const offsetMs = (other: Transaction): number => Math.abs(other.timeMs + spanMs - nowMs)
  const nearest = own.reduce((a, b) => (offsetMs(b) < offsetMs(a) ? b : a))
  if (offsetMs(nearest) > 60_000) return nowMs
  return nearest.timeMs + spanMs + Math.floor(random() * 3) - 1
}

function fill(transaction: Transaction, schema: TransactionSchema, random: () => number): void {
  const pick = (count: number): number => Math.floor(random() * count)
  const fate = random()
  transaction.amountMinor =
    fate < 0.04 ? Number.NaN : fate < 0.06 ? 2 ** 53 - 1 - pick(9) : 1 + pick(100_000)
  transaction.hasNoRate = Number.isNaN(transaction.amountMinor)
  if (schema.hasLocation && random() < 0.9) {
    transaction.latitude = pick(180_000_001) / 1e6 - 90
    transaction.longitude = pick(360_000_001) / 1e6 - 180
  }
  if (schema.hasLabel && random() < 0.7) {
    transaction.verdict = random() < 0.5 ? Verdict.fraud : Verdict.legit
    transaction.labelMs = transaction.timeMs + pick(60_000) - 1000
  }
}

/** Which boundaries a transaction meets in the journal of one of its entities, before it is added there. */
export interface Boundaries {
  /** A record at the same ms; exactly a span old; a ms younger or older than that. */
  sameMs: number
  exactly: number
  younger: number
  older: number
  /** Of those, records that are in sums. */
  hopEdge: number
  /** The view ends at, just before or just after an ordinal at which sums grow. */
  capBefore: number
  capAt: number
  capAfter: number
}

export function countBoundaries(
  transaction: { readonly timeMs: number },
  journal: readonly { readonly timeMs: number; readonly kind: Kind }[],
  cap: number,
  spansMs: readonly number[],
  found: Boundaries,
): void {
  const n = journal.length
  if (n >= 2 * cap - 1) {
    const place = n % cap
    if (place === cap - 1) found.capBefore++
    if (place === 0) found.capAt++
    if (place === 1) found.capAfter++
  }
  const summed = Math.max(0, Math.floor(n / cap) - 1) * cap
  for (const [ordinal, { timeMs, kind }] of journal.entries()) {
    if (kind !== Kind.transaction) continue
    const ageMs = transaction.timeMs - timeMs
    if (ageMs === 0) found.sameMs++
    for (const spanMs of spansMs) {
      const off = ageMs - spanMs
      if (off < -1 || off > 1) continue
      if (off === 0) found.exactly++
      else if (off < 0) found.younger++
      else found.older++
      if (ordinal < summed) found.hopEdge++
    }
  }
}
