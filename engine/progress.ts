// Progress of a long job on stderr: how many, how fast, how long still. One line that is rewritten on a terminal, a line
// every few seconds elsewhere. Never on stdout, which belongs to results.
import type { Clock, Source } from './core/ports.ts'

export interface ProgressParts {
  /** What is being done, e.g. `replay`. */
  readonly label: string
  /** What there is in all, where that is known. */
  readonly total: Source['total']
  readonly clock: Clock
  readonly isTerminal: boolean
  /** What else to say, behind rate and time left. */
  details?(): readonly string[]
  write(text: string): void
}

/** Between two lines. */
const terminalIntervalUs = 200_000
const plainIntervalUs = 5_000_000

/** Reads the clock once per update; prints at most every 0.2 s on a terminal, every 5 s elsewhere. */
export class ProgressLine {
  readonly #parts: ProgressParts
  readonly #intervalUs: number
  readonly #startUs: number
  #printedUs: number
  #printedDone = 0
  #done = 0
  #isLineOpen = false

  constructor(parts: ProgressParts) {
    this.#parts = parts
    this.#intervalUs = parts.isTerminal ? terminalIntervalUs : plainIntervalUs
    this.#startUs = parts.clock.monotonicUs()
    this.#printedUs = this.#startUs
  }

  /** `done` messages so far; `position` in the unit of the total. */
  update(done: number, position: number): void {
    this.#done = done
    const nowUs = this.#parts.clock.monotonicUs()
    if (nowUs - this.#printedUs < this.#intervalUs) return
    const perSecond = ratePerSecond(done - this.#printedDone, nowUs - this.#printedUs)
    this.#print([
      `${count(done)} messages`,
      `${count(perSecond)}/s`,
      ...this.#rest(position, nowUs - this.#startUs),
      ...(this.#parts.details?.() ?? []),
    ])
    this.#printedUs = nowUs
    this.#printedDone = done
  }

  /** The last line: all, and the rate over the whole. Also for a job too short to have printed one. */
  end(): void {
    const elapsedUs = this.#parts.clock.monotonicUs() - this.#startUs
    const perSecond = ratePerSecond(this.#done, elapsedUs)
    this.#print([
      `${count(this.#done)} messages in ${seconds(elapsedUs / 1e6)}`,
      `${count(perSecond)}/s`,
    ])
    if (this.#isLineOpen) this.#parts.write('\n')
    this.#isLineOpen = false
  }

  /** Share and time left, at the speed so far; nothing where the total is unknown. */
  #rest(position: number, elapsedUs: number): string[] {
    const { total } = this.#parts
    if (total === null || total.size <= 0) return []
    const share = Math.min(1, position / total.size)
    const percent = `${Math.floor(share * 100)} %`
    if (share === 0) return [percent]
    return [percent, `${seconds(((1 - share) / share) * (elapsedUs / 1e6))} left`]
  }

  #print(parts: readonly string[]): void {
    const line = `${this.#parts.label}: ${parts.join(', ')}`
    this.#parts.write(this.#parts.isTerminal ? `${rewrite}${line}${restore}` : `${line}\n`)
    this.#isLineOpen = this.#parts.isTerminal
  }
}

/** To the line's start, and cut rather than wrap: a wrapped line could not be rewritten. */
const rewrite = '\r\u001b[?7l'
/** Erase what was there and longer, and wrap again. */
const restore = '\u001b[K\u001b[?7h'

function ratePerSecond(done: number, us: number): number {
  return us <= 0 ? 0 : Math.round((done / us) * 1e6)
}

/** 1234567 → 1,234,567. */
function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** 0.4 s, 12 s, 3:05, 1:02:09. */
function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} s`
  const whole = Math.round(value)
  if (whole < 60) return `${whole} s`
  const pad = (part: number) => String(part).padStart(2, '0')
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes}:${pad(whole % 60)}`
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`
}
