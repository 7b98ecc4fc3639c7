// The kinds of setting a configuration is made of: how each is read, bounded, shown and described. No setting is
// declared here (settings.ts) and none is looked up here (config.ts).
import { isAbsolute, resolve } from 'node:path'
import { closest, parseDurationMs } from '../features/document.ts'

/** What `Setting.read` makes of a raw value: a value, or what it expected instead. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly expected: string; readonly hint: string | null }

export interface Setting<T> {
  /** Name in the file; null: the table's key in snake_case. */
  readonly name: string | null
  /** Environment variable; null: WEIR_ and the path in capitals. */
  readonly environment: string | null
  /** E.g. `duration`, `list of host:port`. */
  readonly type: string
  readonly unit: string | null
  readonly initial: T
  /** The default as documentation says it. */
  readonly initialText: string
  readonly range: string | null
  readonly help: string
  readonly isSecret: boolean
  /** The file or folder that must exist. */
  readonly target: 'file' | 'folder' | null
  /** The paths in a value, where it has a target. */
  paths(value: T): readonly string[]
  /** JSON Schema of the raw value. */
  readonly schema: Readonly<Record<string, unknown>>
  /** From the document's value, or from an environment variable's or option's text. Relative paths are of `folder`. */
  read(raw: unknown, folder: string): Reading<T>
  /** A raw value without its secrets, for faults. */
  mask(raw: unknown): unknown
  /** A value as people write it in the file, without its secrets. */
  write(value: unknown): unknown
}

export interface SettingTexts<T> {
  readonly help: string
  readonly initial: T
  readonly initialText?: string
  readonly name?: string
  readonly environment?: string
}

export interface Range {
  readonly min: number
  readonly max: number
}

export function text(texts: SettingTexts<string>, pattern: RegExp, expected: string) {
  return make(texts, {
    type: 'text',
    range: expected,
    schema: { type: 'string', pattern: pattern.source },
    read: (raw) => (typeof raw === 'string' && pattern.test(raw) ? yes(raw) : no(expected)),
  })
}

export function choice<const T extends string>(texts: SettingTexts<T>, choices: readonly T[]) {
  const expected = `one of ${choices.join(', ')}`
  return make(texts, {
    type: 'choice',
    range: choices.join(', '),
    schema: { enum: choices },
    read: (raw) => {
      const found = choices.find((one) => one === raw)
      if (found !== undefined) return yes(found)
      const near = typeof raw === 'string' ? closest(raw, choices) : null
      return no(expected, near === null ? null : `did you mean ${near}?`)
    },
  })
}

export function flag(texts: SettingTexts<boolean>) {
  return make(texts, {
    type: 'boolean',
    schema: { type: 'boolean' },
    read: (raw) => {
      if (raw === true || raw === 'true') return yes(true)
      return raw === false || raw === 'false' ? yes(false) : no('true or false')
    },
  })
}

export function integer(texts: SettingTexts<number>, unit: string, range: Range) {
  const expected = `a whole number of ${unit} from ${range.min} to ${range.max}`
  return make(texts, {
    type: 'integer',
    unit,
    range: `${range.min}…${range.max}`,
    schema: { type: 'integer', minimum: range.min, maximum: range.max },
    read: (raw) => {
      const value = typeof raw === 'string' && /^\d{1,15}$/.test(raw) ? Number(raw) : raw
      return Number.isSafeInteger(value) && within(value as number, range)
        ? yes(value as number)
        : no(expected)
    },
  })
}

/** In ms. `initial` and the range are in ms too; people write 250ms, 30s, 7d. */
export function duration(texts: SettingTexts<number>, range: Range) {
  const span = `${formatDuration(range.min)}…${formatDuration(range.max)}`
  return make(texts, {
    type: 'duration',
    unit: 'ms, s, m, h, d, w',
    range: span,
    schema: { type: 'string', pattern: '^\\d{1,9}(ms|s|m|h|d|w)$' },
    read: (raw) => {
      const ms = parseDurationMs(raw)
      return ms !== null && within(ms, range) ? yes(ms) : no(`a duration within ${span}`)
    },
    write: (value) => formatDuration(value as number),
  })
}

/** A number of bytes; people write 4096, 64KiB, 256MiB, 2GiB. */
export function bytes(texts: SettingTexts<number>, range: Range) {
  const span = `${formatBytes(range.min)}…${formatBytes(range.max)}`
  return make(texts, {
    type: 'bytes',
    unit: 'B, KiB, MiB, GiB',
    range: span,
    schema: { type: ['integer', 'string'], pattern: '^\\d{1,15}(B|KiB|MiB|GiB)?$' },
    read: (raw) => {
      const value = parseBytes(raw)
      return value !== null && within(value, range) ? yes(value) : no(`a size within ${span}`)
    },
    write: (value) => formatBytes(value as number),
  })
}

/** An absolute path in the result; null where it is not set. */
export function path(texts: SettingTexts<string | null>, target: 'file' | 'folder') {
  return make(texts, {
    type: `path of a ${target}`,
    target,
    schema: { type: 'string', minLength: 1 },
    read: (raw, folder) => {
      if (typeof raw !== 'string' || raw === '') return no(`the path of a ${target}`)
      return yes(isAbsolute(raw) ? raw : resolve(folder, raw))
    },
  })
}

/** An absolute path in the result; null where it is not set. Nothing need exist there. */
export function socket(texts: SettingTexts<string | null>) {
  const expected = `a path of at most ${socketBytesMax} bytes`
  return make(texts, {
    type: 'path of a socket',
    schema: { type: 'string', minLength: 1 },
    read: (raw, folder) => {
      if (typeof raw !== 'string' || raw === '' || raw.includes('\0')) return no(expected)
      const absolute = resolve(folder, raw)
      return Buffer.byteLength(absolute) <= socketBytesMax ? yes(absolute) : no(expected)
    },
  })
}

/** One path or several; absolute in the result. */
export function paths(texts: SettingTexts<readonly string[]>, target: 'file' | 'folder') {
  const item = { type: 'string', minLength: 1 }
  return make(texts, {
    type: `path of a ${target}, or a list of them`,
    target,
    schema: { anyOf: [item, { type: 'array', items: item }] },
    read: (raw, folder) => {
      const found: unknown = typeof raw === 'string' ? raw.split(',') : raw
      const isFine = (part: unknown) => typeof part === 'string' && part !== ''
      if (!Array.isArray(found) || !found.every(isFine))
        return no(`the path of a ${target}, or a list`)
      return yes((found as string[]).map((part) => resolve(folder, part.trim())))
    },
  })
}

/** A model folder and, of a challenger, the share of entities that it decides for, in hundredths of a percent. */
export interface SeatSetting {
  readonly folder: string
  readonly share: number
}

const seatPattern = /^(.+?)(?:@(\d{1,3}(?:\.\d{1,2})?)%)?$/
const seatRule = 'model folders, a challenger with its share behind it, such as models/cards-v4@5%'

const seatsMax = 16

/** Model folders, the champion first. In an environment variable, separated by commas. */
export function seats(texts: SettingTexts<readonly SeatSetting[]>) {
  const item = { type: 'string', minLength: 1 }
  return make<readonly SeatSetting[]>(texts, {
    type: 'path of a folder, or a list of them, challengers with @share%',
    target: 'folder',
    schema: { anyOf: [item, { type: 'array', items: item }] },
    paths: (value) => value.map(({ folder }) => folder),
    write: (value) => (value as readonly SeatSetting[]).map(writeSeat),
    read: (raw, folder) => {
      const found: unknown = typeof raw === 'string' ? raw.split(',') : raw
      if (!Array.isArray(found)) return no(seatRule)
      const read = found.map((part: unknown) => readSeat(part, folder))
      if (read.some((seat) => seat === null)) return no(seatRule)
      return checkSeats(read as SeatSetting[])
    },
  })
}

export function readSeat(text: unknown, folder: string): SeatSetting | null {
  const match = typeof text === 'string' ? seatPattern.exec(text.trim()) : null
  if (match === null) return null
  const share = Math.round(Number(match[2] ?? 0) * 100)
  return share > 10_000 ? null : { folder: resolve(folder, match[1]!), share }
}

export function writeSeat({ folder, share }: SeatSetting): string {
  return share === 0 ? folder : `${folder}@${share / 100}%`
}

/** Several of one folder would be one model, and each is asked at every decision. */
export function checkSeats(seats: readonly SeatSetting[]): Reading<readonly SeatSetting[]> {
  const folders = seats.map(({ folder }) => folder)
  if (folders.length > seatsMax) return no(`at most ${seatsMax} models`)
  if (new Set(folders).size < folders.length) return no('each model once')
  // It has what is left.
  if ((seats[0]?.share ?? 0) > 0) {
    return no('a champion without a share: it decides for whom no challenger does')
  }
  const sum = seats.reduce((total, { share }) => total + share, 0)
  return sum > 10_000 ? no('shares of at most 100% together') : yes(seats)
}

/** In an environment variable, separated by commas. */
export function list(
  texts: SettingTexts<readonly string[]>,
  type: string,
  pattern: RegExp,
  expected: string,
) {
  return make(texts, {
    type,
    range: expected,
    schema: { type: 'array', items: { type: 'string', pattern: pattern.source } },
    read: (raw) => {
      const found: unknown = typeof raw === 'string' ? raw.split(',').map((one) => one.trim()) : raw
      const isFine = (one: unknown) => typeof one === 'string' && pattern.test(one)
      if (!Array.isArray(found) || !found.every(isFine)) return no(expected)
      return yes(found as string[])
    },
  })
}

/** One URL of one of the protocols, or several; passwords are masked wherever they are shown. */
export function url(
  texts: SettingTexts<string>,
  expected: string,
  isFine: (raw: string) => boolean,
) {
  return make(texts, {
    type: 'URL',
    range: expected,
    schema: { type: 'string', minLength: 1 },
    read: (raw) => (typeof raw === 'string' && isFine(raw) ? yes(raw) : no(expected)),
    mask: maskUrl,
  })
}

/** Never shown, not even in a fault. */
export function secret(texts: SettingTexts<string | null>, pattern: RegExp, expected: string) {
  return make(texts, {
    type: 'secret',
    range: expected,
    isSecret: true,
    schema: { type: 'string', pattern: pattern.source },
    read: (raw) => (typeof raw === 'string' && pattern.test(raw) ? yes(raw) : no(expected)),
    mask: (raw) => (raw === null ? null : hidden),
  })
}

/** `redis://user:secret@host` → `redis://user:***@host`; also where the rest is no URL. */
export function maskUrl(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw
  // Greedy to the last @, of several URLs too: a password with an @ or a comma in it must not leave its tail behind.
  return raw
    .replace(/^([a-z+]*:?\/\/)?([^:@/]*):.*@/i, `$1$2:${hidden}@`)
    .replace(/([?&](?:password|auth|token)=)[^&]*/gi, `$1${hidden}`)
}

export function formatDuration(ms: number): string {
  for (const [unit, size] of durations) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms}ms`
}

export function formatBytes(count: number): string {
  for (const [unit, size] of sizes) {
    if (count >= size && count % size === 0) return `${count / size}${unit}`
  }
  return `${count}B`
}

/** The kernel's bound: Node would cut a longer one off. */
const socketBytesMax = 107
const hidden = '***'

const durations = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

const sizes = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
] as const

function parseBytes(raw: unknown): number | null {
  if (typeof raw === 'number') return Number.isSafeInteger(raw) ? raw : null
  const match = typeof raw === 'string' ? /^(\d{1,15})(B|KiB|MiB|GiB)?$/.exec(raw) : null
  if (match === null) return null
  const size = sizes.find(([unit]) => unit === match[2])?.[1] ?? 1
  return Number(match[1]) * size
}

function within(value: number, { min, max }: Range): boolean {
  return value >= min && value <= max
}

function yes<T>(value: T): Reading<T> {
  return { ok: true, value }
}

function no(expected: string, hint: string | null = null) {
  return { ok: false, expected, hint } as const
}

type Kind<T> = Pick<Setting<T>, 'type' | 'schema' | 'read'> & Partial<Setting<T>>

function make<T>(texts: SettingTexts<T>, kind: Kind<T>): Setting<T> {
  const mask = kind.mask ?? ((raw: unknown) => raw)
  const write = kind.write ?? mask
  const initial = write(texts.initial)
  return {
    paths: (value) => [value].flat() as readonly string[],
    unit: null,
    range: null,
    isSecret: false,
    target: null,
    name: null,
    environment: null,
    initialText: initial === null || initial === '' ? 'none' : plainText(initial),
    ...kind,
    ...texts,
    mask,
    write,
  }
}

function plainText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
