// The one parser of untrusted input: a message in, a Transaction or a Reject out, never a throw. All that can be decided
// at start was decided by mapping.ts.
import { CsvScanner } from './csv.ts'
import { currencyDigits, isCurrencyCode } from './currency.ts'
import { Fields, FieldType } from './fields.ts'
import { depthMax, JsonScanner } from './json.ts'
import type { Format, Rules, TimeRule } from './mapping.ts'
import { BadAmount, convertMinor, parseMinor } from './money.ts'
import { makeReject, type RejectReason } from './reject.ts'
import {
  Kind,
  type Parser,
  type Reject,
  type Transaction,
  type TransactionSchema,
  Verdict,
} from './transaction.ts'

/** Bytes of a message; longer ones are rejected unread. */
export const messageBytesMax = 1024 * 1024
const idBytesMax = 256
const entityBytesMax = 4096

/** Control, line end, direction and zero-width characters: two ids that look alike must not be two. */
const hiddenCharacters = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u

/** What a scanner expects of a whole message, by what it may find instead. */
const readable: Readonly<Partial<Record<RejectReason, string>>> = {
  bad_utf8: 'UTF-8 without half characters',
  not_json: 'one JSON document',
  not_object: 'a JSON object',
  too_deep: `at most ${depthMax} levels of nesting`,
  bad_csv: 'a quote that closes at the end of its column',
  bad_columns: 'as many columns as the header has',
}

export class MappedParser implements Parser {
  readonly schema: TransactionSchema
  readonly #rules: Rules
  readonly #fields: Fields
  readonly #scanner: JsonScanner | CsvScanner
  readonly #names: readonly string[]
  readonly #slots: ReadonlyMap<string, number>
  /** By slot: the greatest FieldType that it may have. */
  readonly #typeMax: Uint8Array
  readonly #entitySlots: Int32Array
  readonly #fieldSlots: Int32Array
  readonly #idSlot: number
  readonly #amountSlot: number
  readonly #timeSlot: number
  #receivedMs = Number.NaN

  constructor(
    rules: Rules,
    schema: TransactionSchema,
    format: Format,
    columns: readonly string[] | null,
  ) {
    this.schema = schema
    this.#rules = rules
    this.#names = [...new Set(sourceFields(rules))]
    this.#slots = new Map(this.#names.map((name, slot) => [name, slot]))
    this.#typeMax = typesOf(rules, this.#names)
    this.#fields = new Fields(this.#names.length)
    this.#scanner =
      format === 'csv' ? new CsvScanner(columns ?? [], this.#names) : new JsonScanner(this.#names)
    const slot = (field: string): number => this.#slots.get(field)!
    this.#entitySlots = Int32Array.from(rules.entities, ({ field }) => slot(field))
    this.#fieldSlots = Int32Array.from(rules.fields, ({ field }) => slot(field))
    this.#idSlot = slot(rules.id)
    this.#amountSlot = slot(rules.amount)
    this.#timeSlot = slot(rules.time.field)
  }

  parse(message: Uint8Array, receivedMs: number, out: Transaction): Reject | null {
    if (message.length > messageBytesMax) {
      return whole('too_large', `at most ${messageBytesMax} bytes`, `${message.length} bytes`)
    }
    const bytes = Buffer.isBuffer(message)
      ? message
      : Buffer.from(message.buffer, message.byteOffset, message.length)
    if (bytes.length === 0) return whole('empty', 'a message', 'no bytes')
    const reason = this.#scanner.scan(bytes, this.#fields)
    if (reason !== null) return this.#unreadable(reason, bytes)
    this.#receivedMs = receivedMs
    return (
      this.#checkTypes() ??
      this.#readIdentity(out) ??
      this.#readKind(out) ??
      this.#readTime(out) ??
      this.#readAmount(out) ??
      this.#readFields(out) ??
      this.#readLabel(out)
    )
  }

  #unreadable(reason: RejectReason, bytes: Buffer): Reject {
    const { duplicate } = this.#fields
    if (reason === 'duplicate_key') {
      const name = this.#names[duplicate]!
      return makeReject(reason, name, 'each mapped field once', `${name} twice`)
    }
    return whole(reason, readable[reason] ?? 'a message', bytes.toString('latin1', 0, 160))
  }

  #checkTypes(): Reject | null {
    const { type } = this.#fields
    const typeMax = this.#typeMax
    for (let slot = 0; slot < typeMax.length; slot++) {
      if (type[slot]! > typeMax[slot]!) return badType(this.#names[slot]!, typeMax[slot]!)
    }
    return null
  }

  /** Text of a slot; null when absent. */
  #text(slot: number): string | null {
    return this.#fields.type[slot] === FieldType.absent ? null : this.#fields.text[slot]!
  }

  #of(field: string): number {
    return this.#slots.get(field)!
  }

  #readIdentity(out: Transaction): Reject | null {
    const id = this.#text(this.#idSlot)
    const field = this.#rules.id
    if (id === null) return makeReject('missing_id', field, 'a transaction id', 'nothing')
    if (id.length > idBytesMax / 4 && Buffer.byteLength(id) > idBytesMax) {
      return makeReject('id_too_long', field, `at most ${idBytesMax} bytes`, id)
    }
    if (hiddenCharacters.test(id)) return badId(field, id)
    out.id = id
    return this.#readTenant(out) ?? this.#readEntities(out)
  }

  #readTenant(out: Transaction): Reject | null {
    const { tenant, tenantField } = this.#rules
    out.tenant = tenant
    if (tenantField === null) return null
    const text = this.#text(this.#of(tenantField))
    if (text !== null && /^[A-Za-z0-9_-]{1,32}$/.test(text)) {
      out.tenant = text
      return null
    }
    return makeReject('bad_tenant', tenantField, '1–32 letters, digits, _ or -', text ?? 'nothing')
  }

  #readEntities(out: Transaction): Reject | null {
    const { entities, primary } = this.#rules
    for (let e = 0; e < entities.length; e++) {
      const slot = this.#entitySlots[e]!
      const text = this.#text(slot)
      const { field, name } = entities[e]!
      if (text === null && e === primary) {
        return makeReject('missing_primary', field, `the id of the ${name}`, 'nothing')
      }
      if (text !== null && text.length > entityBytesMax / 4) {
        if (Buffer.byteLength(text) > entityBytesMax) {
          return makeReject('entity_too_long', field, `at most ${entityBytesMax} bytes`, text)
        }
      }
      // An id is unique per primary. Other entities may carry what a stranger wrote, such as a browser's name.
      if (e === primary && hiddenCharacters.test(text!)) return badId(field, text!)
      out.entities[e] = text
    }
    return null
  }

  #readKind(out: Transaction): Reject | null {
    const { kindField, kinds } = this.#rules
    out.kind = Kind.transaction
    if (kindField === null) return null
    const text = this.#text(this.#of(kindField))
    if (text !== null) out.kind = kinds.get(text) ?? Kind.transaction
    return null
  }

  #readTime(out: Transaction): Reject | null {
    const { time, received, at, skewMs, ageMaxMs } = this.#rules
    const timeText = this.#text(this.#timeSlot)
    if (timeText === null) return makeReject('missing_time', time.field, 'a time', 'nothing')
    out.timeMs = time.read(timeText)
    if (!(out.timeMs < Infinity)) return badTime(time, timeText, out.timeMs)
    out.receivedMs = this.#receivedMs
    const receivedText = received === null ? null : this.#text(this.#of(received.field))
    if (received !== null && receivedText !== null) {
      out.receivedMs = received.read(receivedText)
      if (!(out.receivedMs < Infinity)) return badTime(received, receivedText, out.receivedMs)
    }
    if (out.timeMs - out.receivedMs > skewMs) {
      return inFuture(time, timeText, skewMs, out.receivedMs)
    }
    if (out.receivedMs - out.timeMs > ageMaxMs) {
      const expected = `at most ${ageMaxMs / 86_400_000} days before it was received (${iso(out.receivedMs)})`
      return makeReject('time_too_old', time.field, expected, timeText)
    }
    out.atMs = out.timeMs
    if (out.kind === Kind.transaction || at === null) return null
    const atText = this.#text(this.#of(at.field))
    if (atText === null) return makeReject('missing_at', at.field, 'its own time', 'nothing')
    out.atMs = at.read(atText)
    if (!(out.atMs < Infinity)) return badTime(at, atText, out.atMs)
    return out.atMs - out.receivedMs > skewMs ? inFuture(at, atText, skewMs, out.receivedMs) : null
  }

  #readAmount(out: Transaction): Reject | null {
    const { amount, digits, currencyField, rates } = this.#rules
    const code = currencyField === null ? this.#rules.currency : this.#text(this.#of(currencyField))
    if (code === null || !isCurrencyCode(code)) {
      const expected = 'a currency code of three capital letters'
      return makeReject('bad_currency', currencyField ?? 'currency', expected, code ?? 'nothing')
    }
    const scale = digits ?? currencyDigits(code)
    if (scale === null) {
      return makeReject('bad_currency', currencyField ?? 'currency', 'a currency of ISO 4217', code)
    }
    const text = this.#text(this.#amountSlot)
    if (text === null) return makeReject('missing_amount', amount, 'an amount', 'nothing')
    let minor = parseMinor(text, scale)
    out.hasNoRate = false
    if (minor >= 0 && rates !== null) {
      const rate = rates.byCurrency.get(code)
      out.hasNoRate = rate === undefined
      minor = rate === undefined ? Number.NaN : convertMinor(minor, scale, rate, rates.baseDigits)
    }
    if (minor < 0) return badAmount(amount, minor, scale, text)
    out.amountMinor = minor
    return null
  }

  #readFields(out: Transaction): Reject | null {
    const { fields, latitude, longitude } = this.#rules
    for (let f = 0; f < fields.length; f++) {
      out.fields[f] = this.#text(this.#fieldSlots[f]!)
    }
    out.latitude = Number.NaN
    out.longitude = Number.NaN
    if (latitude === null || longitude === null) return null
    const latText = this.#text(this.#of(latitude))
    const lonText = this.#text(this.#of(longitude))
    if (latText === null || lonText === null) return null
    const lat = degrees(latText, 90)
    const lon = degrees(lonText, 180)
    if (Number.isNaN(lat)) {
      return makeReject('bad_location', latitude, 'degrees from -90 to 90', latText)
    }
    if (Number.isNaN(lon)) {
      return makeReject('bad_location', longitude, 'degrees from -180 to 180', lonText)
    }
    // 0/0 is what exports write for "unknown"; it lies in the sea.
    if (lat === 0 && lon === 0) return null
    out.latitude = lat
    out.longitude = lon
    return null
  }

  #readLabel(out: Transaction): Reject | null {
    const { labelField, fraud, legit, labelDelayMs, labelTime } = this.#rules
    out.verdict = Verdict.none
    out.labelMs = Number.NaN
    const text = labelField === null ? null : this.#text(this.#of(labelField))
    if (text === null || labelField === null) {
      if (out.kind !== Kind.label) return null
      return makeReject('incomplete_label', labelField ?? 'label', 'a verdict', 'nothing')
    }
    if (fraud.has(text)) out.verdict = Verdict.fraud
    else if (legit.has(text)) out.verdict = Verdict.legit
    else {
      const expected = `one of ${[...fraud, ...legit].join(', ')}`
      return makeReject('bad_label', labelField, expected, text)
    }
    if (out.kind === Kind.label) {
      out.labelMs = out.atMs
      return null
    }
    if (labelTime === null) {
      out.labelMs = out.timeMs + labelDelayMs
      return null
    }
    const arrival = this.#text(this.#of(labelTime.field))
    if (arrival === null) return makeReject('missing_time', labelTime.field, 'a time', 'nothing')
    out.labelMs = labelTime.read(arrival)
    return out.labelMs < Infinity ? null : badTime(labelTime, arrival, out.labelMs)
  }
}

/** The source fields that rules read, in the order of their slots; some may come twice. */
export function sourceFields(rules: Rules): string[] {
  const { time, received, at, labelTime } = rules
  const times = [time, received, at, labelTime].map((rule) => rule?.field ?? null)
  const { id, amount, currencyField, latitude, longitude, kindField, tenantField, labelField } =
    rules
  const named = [...rules.entities, ...rules.fields].map(({ field }) => field)
  const all = [id, amount, ...times, currencyField, latitude, longitude, kindField, tenantField]
  return [...all, labelField, ...named].filter((field) => field !== null)
}

/** Fields, kinds and labels may be true or false; what stands for itself may not. Where both are read, it may not. */
function typesOf(rules: Rules, names: readonly string[]): Uint8Array {
  const { kindField, labelField } = rules
  const loose = new Set([kindField, labelField, ...rules.fields.map(({ field }) => field)])
  const strict = sourceFields({ ...rules, kindField: null, labelField: null, fields: [] })
  const isStrict = (name: string): boolean => !loose.has(name) || strict.includes(name)
  return Uint8Array.from(names, (name) => (isStrict(name) ? FieldType.number : FieldType.boolean))
}

function degrees(text: string, max: number): number {
  const value = /^-?\d{1,3}(\.\d{1,20})?$/.test(text) ? Number(text) : Number.NaN
  return Math.abs(value) <= max ? value : Number.NaN
}

function badTime({ field, as }: TimeRule, text: string, ms: number): Reject {
  return Number.isNaN(ms)
    ? makeReject('bad_time', field, `a time that exists, as ${as}`, text)
    : makeReject('time_out_of_range', field, 'a time from 1970 to 9999', text)
}

function inFuture({ field }: TimeRule, text: string, skewMs: number, receivedMs: number): Reject {
  const expected = `at most ${skewMs / 1000} s after it was received (${iso(receivedMs)})`
  return makeReject('time_in_future', field, expected, text)
}

function badId(field: string, id: string): Reject {
  const expected = 'no control, direction or zero-width characters'
  return makeReject('bad_id', field, expected, JSON.stringify(id))
}

function badAmount(field: string, code: number, scale: number, text: string): Reject {
  switch (code) {
    case BadAmount.precision:
      return makeReject('amount_precision', field, `at most ${scale} decimals`, text)
    case BadAmount.tooLarge:
      return makeReject('amount_too_large', field, 'at most 2^53 − 1 minor units', text)
    default:
      return makeReject('bad_amount', field, 'a plain decimal of at least 0, such as 12.34', text)
  }
}

function badType(field: string, typeMax: number): Reject {
  return typeMax === FieldType.number
    ? makeReject('bad_type', field, 'a text or a number', 'an object, a list, true or false')
    : makeReject('bad_type', field, 'a text, a number, true or false', 'an object or a list')
}

function whole(reason: RejectReason, expected: string, found: string): Reject {
  return makeReject(reason, '$', expected, found)
}

function iso(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'unknown'
}
