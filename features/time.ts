// Times: from text to whole ms UTC. NaN is a time that does not exist, Infinity one outside of 1970–9999.
import { Zone } from './zone.ts'

/** Reads one form of time. Returns ms UTC, NaN for text that is no such time, Infinity for one out of range. */
export type TimeReader = (text: string) => number

const dayMs = 86_400_000
/** The end of 9999. */
const maxMs = 253_402_300_799_999

/** Reader for `iso`, `epoch_s`, `epoch_ms` or a pattern; `tz` for texts without a zone. Null for a pattern that is none. */
export function timeReader(as: string, tz: string): TimeReader | null {
  if (as === 'epoch_ms') return readEpochMs
  if (as === 'epoch_s') return readEpochS
  const zone = tz === 'UTC' ? null : new Zone(tz)
  if (as === 'iso') {
    const dates = new Dates()
    return (text) => readIso(text, zone, dates)
  }
  return patternReader(as, zone)
}

function inRange(ms: number): number {
  return ms >= 0 && ms <= maxMs ? ms : Number.isNaN(ms) ? ms : Infinity
}

function readEpochMs(text: string): number {
  return /^-?\d{1,20}(\.0*)?$/.test(text) ? inRange(Number(text)) : Number.NaN
}

/** Digits beyond the ms are cut, not rounded: a time is never later than it was. */
function readEpochS(text: string): number {
  const match = /^(-?)(\d{1,20})(?:\.(\d{1,20}))?$/.exec(text)
  if (match === null) return Number.NaN
  if (match[1] === '-') return Infinity
  return inRange(Number(match[2]) * 1000 + Number((match[3] ?? '').padEnd(3, '0').slice(0, 3)))
}

/**
 * `2024-02-29T12:30:00.123Z`, also with a space for the T, without seconds, fraction or zone (then `zone`, or UTC), with
 * an offset, or the date alone. Read by place: this runs for every transaction.
 */
function readIso(text: string, zone: Zone | null, dates: Dates): number {
  const year = digitsAt(text, 0, 4)
  const month = digitsAt(text, 5, 2)
  const day = digitsAt(text, 8, 2)
  if (text.charCodeAt(4) !== dash || text.charCodeAt(7) !== dash) return Number.NaN
  const dateMs = dates.toMs(year, month, day)
  if (text.length === 10) return toUtc(dateMs, zone)
  const separator = text.charCodeAt(10)
  if (separator !== 0x54 && separator !== 0x74 && separator !== 0x20) return Number.NaN
  const hour = digitsAt(text, 11, 2)
  const minute = digitsAt(text, 14, 2)
  if (text.charCodeAt(13) !== colon || !(hour <= 23) || !(minute <= 59)) return Number.NaN
  let at = 16
  let second = 0
  if (text.charCodeAt(16) === colon) {
    second = digitsAt(text, 17, 2)
    if (!(second <= 59)) return Number.NaN
    at = 19
  }
  let localMs = dateMs + hour * 3_600_000 + minute * 60_000 + second * 1000
  if (at === 19 && (text.charCodeAt(19) === 0x2e || text.charCodeAt(19) === 0x2c)) {
    let scale = 100
    at = 20
    for (; isDigit(text.charCodeAt(at)); at++) {
      localMs += (text.charCodeAt(at) - 0x30) * Math.floor(scale)
      scale /= 10
    }
    if (at === 20) return Number.NaN
  }
  return withZone(text, at, localMs, zone)
}

/** One transaction's date is mostly that of the one before. */
class Dates {
  #date = Number.NaN
  #ms = Number.NaN

  toMs(year: number, month: number, day: number): number {
    // NaN, of what are no digits, equals nothing.
    const date = (year * 100 + month) * 100 + day
    if (date !== this.#date) {
      this.#date = date
      this.#ms = dateToMs(year, month, day)
    }
    return this.#ms
  }
}

const dash = 0x2d
const colon = 0x3a

function withZone(text: string, at: number, localMs: number, zone: Zone | null): number {
  if (at === text.length) return toUtc(localMs, zone)
  const sign = text.charCodeAt(at)
  if ((sign === 0x5a || sign === 0x7a) && at + 1 === text.length) return inRange(localMs)
  if (sign !== 0x2b && sign !== dash) return Number.NaN
  const match = /^[+-](\d\d):?(\d\d)?$/.exec(text.slice(at))
  if (match === null) return Number.NaN
  const hours = Number(match[1])
  const minutes = Number(match[2] ?? 0)
  if (hours > 23 || minutes > 59) return Number.NaN
  const offsetMs = (hours * 60 + minutes) * 60_000
  return inRange(sign === dash ? localMs + offsetMs : localMs - offsetMs)
}

function toUtc(localMs: number, zone: Zone | null): number {
  if (zone === null || Number.isNaN(localMs)) return inRange(localMs)
  return inRange(zone.toUtcMs(localMs))
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** NaN where there are other characters than digits. */
function digitsAt(text: string, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const code = text.charCodeAt(i)
    if (!isDigit(code)) return Number.NaN
    value = value * 10 + code - 0x30
  }
  return value
}

/** Midnight UTC of a date of the Gregorian calendar; NaN for one that does not exist. */
function dateToMs(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return Number.NaN
  // Days from civil, Howard Hinnant, "chrono-compatible low-level date algorithms".
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return (era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468) * dayMs
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
}

const tokens: Readonly<Record<string, string>> = {
  yyyy: '(?<year>\\d{4})',
  MM: '(?<month>\\d{2})',
  M: '(?<month>\\d{1,2})',
  dd: '(?<day>\\d{2})',
  d: '(?<day>\\d{1,2})',
  HH: '(?<hour>\\d{2})',
  H: '(?<hour>\\d{1,2})',
  hh: '(?<hour12>\\d{2})',
  h: '(?<hour12>\\d{1,2})',
  mm: '(?<minute>\\d{2})',
  ss: '(?<second>\\d{2})',
  SSS: '(?<ms>\\d{3})',
  a: '(?<half>[AaPp][Mm])',
}

/** `dd/MM/yyyy HH:mm:ss` and the like; text in single quotes stands for itself. Null without a year, month and day. */
function patternReader(pattern: string, zone: Zone | null): TimeReader | null {
  const parts = pattern.match(/'[^']*'|([A-Za-z])\1*|[^A-Za-z']/g) ?? []
  let source = ''
  for (const part of parts) {
    const token = tokens[part]
    if (token !== undefined) source += token
    else if (/^[A-Za-z]/.test(part)) return null
    else source += part.replaceAll("'", '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  }
  if (!['year', 'month', 'day'].every((name) => source.includes(`<${name}>`))) return null
  let regex: RegExp
  try {
    regex = new RegExp(`^${source}$`)
  } catch {
    return null
  }
  return (text) => {
    const found = text.length <= 64 ? regex.exec(text)?.groups : undefined
    return found === undefined ? Number.NaN : readGroups(found, zone)
  }
}

function readGroups(found: Record<string, string | undefined>, zone: Zone | null): number {
  const number = (name: string): number => Number(found[name] ?? 0)
  const dateMs = dateToMs(number('year'), number('month'), number('day'))
  let hour = number('hour')
  if (found['hour12'] !== undefined) {
    hour = number('hour12')
    if (hour < 1 || hour > 12) return Number.NaN
    hour = (hour % 12) + (found['half']?.toLowerCase() === 'pm' ? 12 : 0)
  }
  if (hour > 23 || number('minute') > 59 || number('second') > 59) return Number.NaN
  const timeMs =
    hour * 3_600_000 + number('minute') * 60_000 + number('second') * 1000 + number('ms')
  return toUtc(dateMs + timeMs, zone)
}
