// Offsets of time zones: fixed ones as they stand, the others asked of Intl once per quarter of an hour (since 1972 no zone
// has changed between two of them).

const stepMs = 900_000
/** A year of quarters. */
const stepsHeldMax = 35_136

/** One IANA zone, or a fixed offset from -23:59 to +23:59. */
export class Zone {
  /** Null for an IANA zone. */
  readonly #fixedMs: number | null
  readonly #format: Intl.DateTimeFormat
  readonly #offsets = new Map<number, number>()

  /** Throws RangeError for a name that is none. */
  constructor(name: string) {
    // Not left to Intl, which takes offsets only from Node 22 on.
    this.#fixedMs = fixedOffsetMs(name)
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: this.#fixedMs === null ? name : 'UTC',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** ms to add to UTC for local time. */
  offsetMs(timeMs: number): number {
    if (this.#fixedMs !== null) return this.#fixedMs
    const step = Math.floor(timeMs / stepMs)
    let offsetMs = this.#offsets.get(step)
    if (offsetMs === undefined) {
      if (this.#offsets.size >= stepsHeldMax) this.#offsets.clear()
      offsetMs = this.#ask(step * stepMs)
      this.#offsets.set(step, offsetMs)
    }
    return offsetMs
  }

  /** UTC of a local time; the earlier one where it comes twice, NaN where it never comes (a gap). */
  toUtcMs(localMs: number): number {
    const before = localMs - this.offsetMs(localMs - 86_400_000)
    if (before + this.offsetMs(before) === localMs) return before
    const after = localMs - this.offsetMs(localMs + 86_400_000)
    return after + this.offsetMs(after) === localMs ? after : Number.NaN
  }

  #ask(timeMs: number): number {
    const parts = new Map(
      this.#format.formatToParts(timeMs).map(({ type, value }) => [type, value]),
    )
    const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type))
    const local = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    )
    return local - timeMs
  }
}

/** Null for what is no offset. */
function fixedOffsetMs(name: string): number | null {
  const match = /^([+-])([01]\d|2[0-3]):([0-5]\d)$/.exec(name)
  if (match === null) return null
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return (match[1] === '-' ? -minutes : minutes) * 60_000
}

/** True for what `new Zone` takes. */
export function isZone(name: string): boolean {
  try {
    new Zone(name)
    return true
  } catch {
    return false
  }
}
