// What the one parser of untrusted input hands on: a transaction, or why it is none.
// No field is ever undefined: absent is null for text and NaN for numbers, so the shape never changes.

/** What a message says happened. The codes are written into records: never renumber. */
export const Kind = { transaction: 0, reversal: 1, decline: 2, label: 3 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** All kinds but transactions. */
export const messageKinds: readonly Kind[] = [Kind.reversal, Kind.decline, Kind.label]

/** A verdict as it stands in a row or a label message. Absent is unlabelled, never legitimate. */
export const Verdict = { none: 0, legit: 1, fraud: 2 } as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

/** One parsed message. Owned by the pipeline and filled again for each message (`Parser.parse`). */
export class Transaction {
  kind: Kind = Kind.transaction
  tenant = ''
  id = ''
  /** Event time, ms UTC; for a reversal, decline or label: the event time of the transaction that it names. */
  timeMs = 0
  /** The message's own time, ms UTC: `timeMs` of a transaction, `at` of a reversal, the arrival of a label. */
  atMs = 0
  /** When the transaction was received, ms UTC; NaN in a file without that column (then `time_in_future` is unchecked). */
  receivedMs = Number.NaN
  /** Minor units of the one base currency, an exact integer; NaN when there is no rate for its currency. */
  amountMinor = Number.NaN
  /** True when the amount is absent for want of a rate. */
  hasNoRate = false
  /** Entity ids as text, by the mapping's entity order; null when absent. */
  readonly entities: (string | null)[]
  /** Field values as text, by the mapping's field order; null when absent. */
  readonly fields: (string | null)[]
  /** Degrees; NaN when absent. */
  latitude = Number.NaN
  longitude = Number.NaN
  /** The label in the transaction's own row, or of a label message. */
  verdict: Verdict = Verdict.none
  /** When that label was known, ms UTC; NaN without a label. */
  labelMs = Number.NaN

  constructor(entityCount: number, fieldCount: number) {
    this.entities = new Array<string | null>(entityCount).fill(null)
    this.fields = new Array<string | null>(fieldCount).fill(null)
  }

  /** Becomes what another one of the same schema is. */
  take(other: Transaction): void {
    this.kind = other.kind
    this.tenant = other.tenant
    this.id = other.id
    this.timeMs = other.timeMs
    this.atMs = other.atMs
    this.receivedMs = other.receivedMs
    this.amountMinor = other.amountMinor
    this.hasNoRate = other.hasNoRate
    for (let at = 0; at < this.entities.length; at++) this.entities[at] = other.entities[at]!
    for (let at = 0; at < this.fields.length; at++) this.fields[at] = other.fields[at]!
    this.latitude = other.latitude
    this.longitude = other.longitude
    this.verdict = other.verdict
    this.labelMs = other.labelMs
  }
}

/** What is asked of a transaction's time takes it in this: a number as an argument is an object each time. */
export type Timed = Pick<Transaction, 'timeMs'>

/** Why a message is not a transaction. A value, never thrown. `found` is cut to 120 characters, card numbers masked. */
export interface Reject {
  /** Stable snake_case code: one of `rejectReasons` (features/reject.ts). */
  readonly reason: string
  /** Path of the source field, e.g. `TX_AMOUNT`; `$` for the whole message. */
  readonly field: string
  readonly expected: string
  readonly found: string
}

/** The names a mapping declares, in the order that Transaction's arrays have. */
export interface TransactionSchema {
  readonly entities: readonly string[]
  /** Index into `entities` of the entity the input topic is keyed by. */
  readonly primary: number
  readonly fields: readonly string[]
  readonly hasLocation: boolean
  /** True if rows or messages can carry a label. */
  readonly hasLabel: boolean
  /** What messages beside transactions the mapping tells by `kind`. */
  readonly kinds: readonly Kind[]
}

export interface Parser {
  readonly schema: TransactionSchema
  /**
   * Reads one message (one JSON document, or one CSV row without its line end) into `out`, every field of it.
   * `receivedMs` is the transport's time (Kafka timestamp, HTTP arrival), NaN for files; a mapped `received` overrides it.
   * Never throws, for no input.
   */
  parse(message: Uint8Array, receivedMs: number, out: Transaction): Reject | null
}
