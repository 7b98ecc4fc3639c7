// A mapping says where a foreign message keeps what a transaction needs. Compiled once at start, with all its faults at
// once; what comes out is the parser (parser.ts).
import { createHash } from 'node:crypto'
import { currencyDigits, isCurrencyCode } from './currency.ts'
import { closest, type Document, DocumentError, DocumentReader, type Path } from './document.ts'
import { MappedParser, sourceFields } from './parser.ts'
import { compileRates, type Rates } from './rates.ts'
import { type TimeReader, timeReader } from './time.ts'
import { Kind, messageKinds, type Parser, type TransactionSchema } from './transaction.ts'
import { isZone } from './zone.ts'

export type Format = 'csv' | 'json' | 'jsonl'

/** A time field and how to read it. */
export interface TimeRule {
  readonly field: string
  readonly read: TimeReader
  /** Declared form, for a reject. */
  readonly as: string
  /** Zone of texts that name none. */
  readonly tz: string
}

/** A compiled mapping document, by its keys. */
export interface Rules {
  readonly id: string
  readonly time: TimeRule
  readonly skewMs: number
  readonly ageMaxMs: number
  readonly received: TimeRule | null
  readonly amount: string
  /** Digits behind the point; null for each currency's own. */
  readonly digits: number | null
  /** A constant code, or null when `currencyField` has it. */
  readonly currency: string | null
  readonly currencyField: string | null
  /** Null where amounts are taken as they are. */
  readonly rates: Rates | null
  readonly entities: readonly { readonly name: string; readonly field: string }[]
  readonly primary: number
  readonly fields: readonly { readonly name: string; readonly field: string }[]
  readonly latitude: string | null
  readonly longitude: string | null
  readonly kindField: string | null
  readonly kinds: ReadonlyMap<string, Kind>
  readonly at: TimeRule | null
  readonly tenant: string
  readonly tenantField: string | null
  readonly labelField: string | null
  readonly fraud: ReadonlySet<string>
  readonly legit: ReadonlySet<string>
  readonly labelDelayMs: number
  readonly labelTime: TimeRule | null
}

export interface Mapping {
  readonly schema: TransactionSchema
  readonly format: Format
  /** 16 hex digits over all that the rules say, defaults included, but not the format: CSV or JSON, it is the same. */
  readonly hash: string
  /** True for CSV whose columns a header line must name. */
  readonly needsHeader: boolean
  /** The source fields that are read, each once: CSV must have all of them as columns. */
  readonly sources: readonly string[]
  /** A parser of its own scratch memory. `columns`: the CSV header, where the mapping does not declare them. */
  parser(columns?: readonly string[]): Parser
}

/** Opens a rates file by the name that the mapping gives it: null when there is none; throws DocumentError. */
export type RatesOpener = (file: string) => Document | null

const keys = [
  'format',
  'columns',
  'id',
  'time',
  'received',
  'amount',
  'currency',
  'primary',
  'entities',
  'fields',
  'location',
  'kind',
  'tenant',
  'label',
] as const

/** Compiles a mapping document. Throws DocumentError with all its faults, and those of its rates. */
export function compileMapping(document: Document, openRates: RatesOpener = () => null): Mapping {
  const reader = new MappingReader(document, openRates)
  const root = reader.object(document.value, [], keys) ?? {}
  const format = reader.oneOf<Format>(
    root['format'] ?? 'json',
    ['format'],
    ['csv', 'jsonl', 'json'],
  )
  const rules = reader.rules(root)
  const sources = [...new Set(sourceFields(rules))].filter((field) => field !== '')
  const columns = reader.columns(root['columns'], format, sources)
  reader.finish()
  const schema: TransactionSchema = {
    entities: rules.entities.map(({ name }) => name),
    primary: rules.primary,
    fields: rules.fields.map(({ name }) => name),
    hasLocation: rules.latitude !== null,
    hasLabel: rules.labelField !== null,
    kinds: messageKinds.filter((kind) => [...rules.kinds.values()].includes(kind)),
  }
  return {
    schema,
    format,
    hash: createHash('sha256').update(canonical(rules)).digest('hex').slice(0, 16),
    needsHeader: format === 'csv' && columns === null,
    sources,
    parser: (header) => new MappedParser(rules, schema, format, columns ?? header ?? null),
  }
}

/** Rules as text: equal for equal rules, however their document is written. */
function canonical(rules: Rules): string {
  return JSON.stringify(rules, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    if (value instanceof Set) return [...(value as Set<string>)].sort()
    if (value instanceof Map) {
      return [...(value as Map<string, unknown>)].sort(([a], [b]) => (a < b ? -1 : 1))
    }
    return value
  })
}

class MappingReader extends DocumentReader {
  readonly #openRates: RatesOpener

  constructor(document: Document, openRates: RatesOpener) {
    super(document)
    this.#openRates = openRates
  }

  rules(root: Record<string, unknown>): Rules {
    const entities = this.#named(root['entities'], ['entities'])
    const primaryName = this.name(root['primary'], ['primary'])
    const names = entities.map(({ name }) => name)
    if (names.length === 0) this.fault(['entities'], 'at least the primary', root['entities'])
    else if (primaryName !== '' && !names.includes(primaryName)) {
      this.oneOf(primaryName, ['primary'], names)
    }
    const fields = root['fields'] === undefined ? [] : this.#named(root['fields'], ['fields'])
    for (const { name } of fields) {
      if (names.includes(name)) this.fault(['fields', name], 'a name that no entity has', name)
    }
    const amount = this.#amount(root['amount'])
    return {
      id: this.#field(root['id'], ['id']),
      ...this.#times(root),
      ...amount,
      ...this.#currency(root['currency'], amount.digits),
      entities,
      primary: Math.max(0, names.indexOf(primaryName)),
      fields,
      ...this.#location(root['location']),
      ...this.#kind(root['kind']),
      ...this.#tenant(root['tenant']),
      ...this.#label(root),
    }
  }

  /** Declared columns of CSV without a header; null where there are none. */
  columns(value: unknown, format: Format, sources: readonly string[]): readonly string[] | null {
    if (value === undefined) return null
    const path = ['columns']
    if (format !== 'csv') {
      this.fault(path, 'columns only with format: csv', format)
      return null
    }
    const columns = this.list(value, path).map((c, index) => this.text(c, [...path, index]))
    for (const [index, column] of columns.entries()) {
      if (columns.indexOf(column) < index && column !== '') {
        this.fault([...path, index], 'each column once', column)
      }
    }
    for (const field of sources) {
      if (columns.includes(field)) continue
      const near = closest(field, columns)
      this.fault(path, `the column ${field}`, columns, near && `did you mean ${near}?`)
    }
    return columns
  }

  /** A source field, as `name: FIELD` or `name: { field: FIELD }`. */
  #field(value: unknown, path: Path): string {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const object = this.object(value, path, ['field']) ?? {}
      return this.text(object['field'], [...path, 'field'])
    }
    return this.text(value, path)
  }

  #named(value: unknown, path: Path): { name: string; field: string }[] {
    return Object.entries(this.names(value, path)).map(([name, field]) => ({
      name,
      field: this.#field(field, [...path, name]),
    }))
  }

  #time(value: unknown, path: Path, more: readonly string[] = []): TimeRule {
    const object = this.object(value, path, ['field', 'as', 'tz', ...more]) ?? {}
    const field = this.text(object['field'], [...path, 'field'])
    const as = this.text(object['as'] ?? 'iso', [...path, 'as'])
    const tz = object['tz'] === undefined ? 'UTC' : this.text(object['tz'], [...path, 'tz'])
    if (tz !== '' && !isZone(tz)) {
      this.fault([...path, 'tz'], 'a time zone such as Europe/Berlin or +02:00', tz)
    } else if (tz !== 'UTC' && as.startsWith('epoch_')) {
      this.fault([...path, 'tz'], `no zone with ${as}, which is UTC`, tz)
    }
    const read = timeReader(as, isZone(tz) ? tz : 'UTC')
    if (read === null && as !== '') {
      const expected = 'iso, epoch_s, epoch_ms or a pattern such as dd/MM/yyyy HH:mm:ss'
      const near = closest(as, ['iso', 'epoch_s', 'epoch_ms'])
      this.fault([...path, 'as'], expected, as, near && `did you mean ${near}?`)
    }
    return { field, as, tz, read: read ?? (() => Number.NaN) }
  }

  #times(root: Record<string, unknown>): Pick<Rules, 'time' | 'skewMs' | 'ageMaxMs' | 'received'> {
    const time = this.#time(root['time'], ['time'], ['skew', 'age_max'])
    const object = (typeof root['time'] === 'object' ? root['time'] : null) as Record<
      string,
      unknown
    > | null
    const skew = object?.['skew'] ?? '5m'
    const ageMax = object?.['age_max'] ?? '10957d'
    return {
      time,
      skewMs: this.durationMs(skew, ['time', 'skew'], 'zero allowed'),
      ageMaxMs: this.durationMs(ageMax, ['time', 'age_max']),
      received: root['received'] === undefined ? null : this.#time(root['received'], ['received']),
    }
  }

  #amount(value: unknown): Pick<Rules, 'amount' | 'digits'> {
    const path = ['amount']
    const object = this.object(value, path, ['field', 'decimals']) ?? {}
    const decimals = object['decimals'] ?? 2
    const isFixed = Number.isInteger(decimals) && Number(decimals) >= 0 && Number(decimals) <= 8
    if (!isFixed && decimals !== 'iso') {
      this.fault([...path, 'decimals'], 'a whole number from 0 to 8, or iso', decimals)
    }
    return {
      amount: this.text(object['field'], [...path, 'field']),
      digits: isFixed ? Number(decimals) : null,
    }
  }

  #currency(
    value: unknown,
    digits: number | null,
  ): Pick<Rules, 'currency' | 'currencyField' | 'rates'> {
    const path = ['currency']
    const object = this.object(value, path, ['const', 'field', 'rates']) ?? {}
    if ((object['const'] === undefined) === (object['field'] === undefined)) {
      this.fault(path, 'either const or field', value)
      return { currency: null, currencyField: null, rates: null }
    }
    if (object['field'] === undefined) {
      const code = this.text(object['const'], [...path, 'const'])
      if (code !== '' && !isCurrencyCode(code)) {
        this.fault([...path, 'const'], 'a currency code of three capital letters', code)
      } else if (code !== '' && digits === null && currencyDigits(code) === null) {
        this.fault([...path, 'const'], 'a currency of ISO 4217, for `decimals: iso`', code)
      }
      if (object['rates'] !== undefined) {
        this.fault([...path, 'rates'], 'rates only with a currency field', object['rates'])
      }
      return { currency: code, currencyField: null, rates: null }
    }
    const field = this.text(object['field'], [...path, 'field'])
    const rates = this.#rates(object['rates'], [...path, 'rates'])
    return { currency: null, currencyField: field, rates }
  }

  #rates(file: unknown, path: Path): Rates | null {
    if (file === 'as_is') return null
    try {
      const document = typeof file === 'string' ? this.#openRates(file) : null
      if (document !== null) return compileRates(document)
      this.fault(path, 'a file that exists, or as_is', file)
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error
      this.adopt(error)
    }
    return null
  }

  #location(value: unknown): Pick<Rules, 'latitude' | 'longitude'> {
    if (value === undefined) return { latitude: null, longitude: null }
    const object = this.object(value, ['location'], ['lat', 'lon']) ?? {}
    return {
      latitude: this.text(object['lat'], ['location', 'lat']),
      longitude: this.text(object['lon'], ['location', 'lon']),
    }
  }

  #kind(value: unknown): Pick<Rules, 'kindField' | 'kinds' | 'at'> {
    const kinds = new Map<string, Kind>()
    if (value === undefined) return { kindField: null, kinds, at: null }
    const path = ['kind']
    const object = this.object(value, path, ['field', 'reversal', 'decline', 'label', 'at']) ?? {}
    for (const kind of ['reversal', 'decline', 'label'] as const) {
      if (object[kind] === undefined) continue
      for (const [index, item] of this.list(object[kind], [...path, kind]).entries()) {
        const text = this.#value(item, [...path, kind, index])
        if (kinds.has(text)) this.fault([...path, kind, index], 'a value used once', text)
        kinds.set(text, Kind[kind])
      }
    }
    if (kinds.size === 0) this.fault(path, 'values for reversal, decline or label', value)
    return {
      kindField: this.text(object['field'], [...path, 'field']),
      kinds,
      at: this.#time(object['at'], [...path, 'at']),
    }
  }

  #tenant(value: unknown): Pick<Rules, 'tenant' | 'tenantField'> {
    if (value === undefined) return { tenant: 'default', tenantField: null }
    const path = ['tenant']
    const object = this.object(value, path, ['const', 'field']) ?? {}
    if ((object['const'] === undefined) === (object['field'] === undefined)) {
      this.fault(path, 'either const or field', value)
      return { tenant: '', tenantField: null }
    }
    if (object['field'] !== undefined) {
      return { tenant: '', tenantField: this.text(object['field'], [...path, 'field']) }
    }
    const tenant = this.text(object['const'], [...path, 'const'])
    if (tenant !== '' && !isTenant(tenant)) {
      this.fault([...path, 'const'], '1–32 letters, digits, _ or -', tenant)
    }
    return { tenant, tenantField: null }
  }

  #label(
    root: Record<string, unknown>,
  ): Pick<Rules, 'labelField' | 'fraud' | 'legit' | 'labelDelayMs' | 'labelTime'> {
    const path = ['label']
    const value = root['label']
    if (value === undefined) {
      const kind = root['kind'] as Record<string, unknown> | null | undefined
      if (kind?.['label'] !== undefined) this.fault(path, 'where kind.label has its verdict', value)
      const none = new Set<string>()
      return { labelField: null, fraud: none, legit: none, labelDelayMs: 0, labelTime: null }
    }
    const object = this.object(value, path, ['field', 'fraud', 'legit', 'delay', 'time']) ?? {}
    const fraud = this.#values(object['fraud'], [...path, 'fraud'])
    const legit = this.#values(object['legit'] ?? [], [...path, 'legit'])
    for (const text of legit) {
      if (fraud.has(text)) this.fault([...path, 'legit'], 'values that are not fraud too', text)
    }
    if ((object['delay'] === undefined) === (object['time'] === undefined)) {
      this.fault(path, 'either delay or time: when the label is known', value)
    }
    const delay = object['delay']
    return {
      labelField: this.text(object['field'], [...path, 'field']),
      fraud,
      legit,
      labelDelayMs:
        delay === undefined ? 0 : this.durationMs(delay, [...path, 'delay'], 'zero allowed'),
      labelTime:
        object['time'] === undefined ? null : this.#time(object['time'], [...path, 'time']),
    }
  }

  #values(list: unknown, path: Path): Set<string> {
    return new Set(this.list(list, path).map((item, index) => this.#value(item, [...path, index])))
  }

  /** A value as a field can have it. An empty field is an absent one, which is no value. */
  #value(item: unknown, path: Path): string {
    if (item === '') this.fault(path, 'a value: an empty field is absent', item)
    return item === '' ? '' : this.scalar(item, path)
  }
}

/** What may stand in a key as it is. */
export function isTenant(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,32}$/.test(text)
}
