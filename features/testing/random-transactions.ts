// Seeded random transactions that are nasty on purpose: few entities, ties, out of order, far apart, absent values, huge
// amounts, places, labels in the row, and, when asked for, reversals, declines and label messages.
import { Kind, Transaction, type TransactionSchema, Verdict } from '../transaction.ts'

/** mulberry32: small, seeded, good enough to choose test data. */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface RandomOptions {
  readonly seed: number
  readonly count: number
  /** Ids per entity kind. */
  readonly entities: number
  /** Mean ms between two transactions. */
  readonly stepMs: number
  /** Share of messages that are reversals, declines or labels of an earlier transaction. */
  readonly lifecycle: number
}

/** In arrival order. Ids are unique but for the messages that name an earlier transaction. */
export function* randomTransactions(
  schema: TransactionSchema,
  options: RandomOptions,
): Iterable<Transaction> {
  const random = makeRandom(options.seed)
  const pick = (count: number): number => Math.floor(random() * count)
  const past: Transaction[] = []
  let nowMs = 1_700_000_000_000
  for (let n = 0; n < options.count; n++) {
    if (past.length > 0 && random() < options.lifecycle) {
      yield followUp(schema, past[pick(past.length)]!, nowMs, random)
      continue
    }
    // Some tie to the ms, most go on, some jump ahead; some transactions come late.
    if (random() < 0.8) nowMs += Math.floor(-Math.log(1 - random()) * options.stepMs)
    if (random() < 0.002) nowMs += options.stepMs * 500
    const transaction = new Transaction(schema.entities.length, schema.fields.length)
    transaction.tenant = random() < 0.9 ? 'default' : 'other'
    transaction.id = `t${n}`
    const lateMs = random() < 0.2 ? pick(options.stepMs * (random() < 0.2 ? 300 : 5)) : 0
    transaction.timeMs = nowMs - lateMs
    transaction.atMs = transaction.timeMs
    transaction.amountMinor =
      random() < 0.05 ? Number.NaN : random() < 0.02 ? 2 ** 53 - 1 - pick(9) : pick(100_000)
    transaction.hasNoRate = Number.isNaN(transaction.amountMinor)
    for (let e = 0; e < schema.entities.length; e++) {
      const isAbsent = e !== schema.primary && random() < 0.1
      transaction.entities[e] = isAbsent ? null : `e${pick(options.entities)}`
    }
    for (let f = 0; f < schema.fields.length; f++) {
      transaction.fields[f] = random() < 0.1 ? null : String(pick(5))
    }
    if (schema.hasLocation && random() < 0.8) {
      transaction.latitude = pick(180_000_001) / 1e6 - 90
      transaction.longitude = pick(360_000_001) / 1e6 - 180
    }
    if (random() < 0.6) {
      transaction.verdict = random() < 0.3 ? Verdict.fraud : Verdict.legit
      transaction.labelMs = transaction.timeMs + pick(options.stepMs * 100) - options.stepMs
    }
    past.push(transaction)
    yield transaction
  }
}

export function followUp(
  schema: TransactionSchema,
  named: Transaction,
  nowMs: number,
  random: () => number,
): Transaction {
  const message = new Transaction(schema.entities.length, schema.fields.length)
  message.tenant = named.tenant
  message.id = named.id
  message.timeMs = named.timeMs
  message.atMs = nowMs
  message.amountMinor = named.amountMinor
  for (let e = 0; e < schema.entities.length; e++) message.entities[e] = named.entities[e]!
  for (let f = 0; f < schema.fields.length; f++) message.fields[f] = named.fields[f]!
  const fate = random()
  if (fate < 0.6) {
    message.kind = fate < 0.3 ? Kind.reversal : Kind.decline
    return message
  }
  message.kind = Kind.label
  message.verdict = random() < 0.5 ? Verdict.fraud : Verdict.legit
  message.labelMs = nowMs
  return message
}
