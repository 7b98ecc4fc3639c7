// A declared document (mapping, catalog, policy, configuration) and the faults in it. All faults are found at once.

/** A parsed YAML or JSON document that still knows its lines. */
export interface Document {
  readonly file: string
  readonly value: unknown
  /** Line (from 1) of the node at `path`, or of its nearest parent. */
  lineOf(path: Path): number
}

export type Path = readonly (string | number)[]

export interface Fault {
  readonly file: string
  /** From 1; 0 where the value has no line (an environment variable, an option). */
  readonly line: number
  readonly path: string
  readonly expected: string
  readonly found: string
  /** What to do: the name that was probably meant. */
  readonly hint: string | null
}

/** Thrown once, with every fault of the document. Its message has a line for each. */
export class DocumentError extends Error {
  readonly faults: readonly Fault[]
  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join('\n'))
    this.name = 'DocumentError'
    this.faults = faults
  }
}

/** `weir.yaml:12: features[3].window: expected a duration such as 1d, found "1 day". Did you mean 1d?` */
export function formatFault(fault: Fault): string {
  const hint = fault.hint === null ? '' : ` (${fault.hint})`
  const place = fault.line === 0 ? fault.file : `${fault.file}:${fault.line}`
  return `${place}: ${fault.path}: expected ${fault.expected}, found ${fault.found}${hint}`
}

/** Reads a document and gathers faults; `finish` throws them together. Getters return a fallback after a fault. */
export class DocumentReader {
  readonly document: Document
  readonly #faults: Fault[] = []
  readonly #adopted: Fault[] = []
  /** Places where an object or list should be and is not: what is missing below them was told with them. */
  readonly #hollow = new Set<string>()

  constructor(document: Document) {
    this.document = document
  }

  fault(path: Path, expected: string, found: unknown, hint: string | null = null): void {
    for (let depth = 0; depth <= path.length; depth++) {
      if (this.#hollow.has(formatPath(path.slice(0, depth)))) return
    }
    this.#faults.push({
      file: this.document.file,
      line: this.document.lineOf(path),
      path: formatPath(path),
      expected,
      found: show(found),
      hint,
    })
  }

  /** Takes over the faults of a document that this one names. */
  adopt(error: DocumentError): void {
    this.#adopted.push(...error.faults)
  }

  /** An object with no other keys than `keys`; null after a fault. */
  object(value: unknown, path: Path, keys: readonly string[]): Record<string, unknown> | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#faultHollow(path, `an object with ${keys.join(', ')}`, value)
      return null
    }
    const object = value as Record<string, unknown>
    for (const key of Object.keys(object)) {
      if (!keys.includes(key)) {
        const near = closest(key, keys)
        const hint = near === null ? null : `did you mean ${near}?`
        this.fault([...path, key], `one of ${keys.join(', ')}`, key, hint)
      }
    }
    return object
  }

  /** An object with free keys, each a name such as `merchant` or `mcc`. */
  names(value: unknown, path: Path): Readonly<Record<string, unknown>> {
    const object = this.record(value, path, 'an object of names')
    for (const key of Object.keys(object)) this.name(key, [...path, key])
    return object
  }

  /** An object with free keys, for the caller to check. */
  record(value: unknown, path: Path, expected: string): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
    this.#faultHollow(path, expected, value)
    return {}
  }

  /** A name of ours: letters, digits and underscores. */
  name(value: unknown, path: Path): string {
    const text = this.text(value, path)
    if (text !== '' && !/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(text)) {
      this.fault(path, 'a name of letters, digits and _, at most 64', value)
    }
    return text
  }

  text(value: unknown, path: Path): string {
    if (typeof value === 'string' && value !== '') return value
    this.fault(path, 'a text', value)
    return ''
  }

  /** A number or text given as text: `1` and `"1"` are the same in YAML lists of values. */
  scalar(value: unknown, path: Path): string {
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    this.fault(path, 'a text or number', value)
    return ''
  }

  oneOf<T extends string>(value: unknown, path: Path, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    const near = typeof value === 'string' ? closest(value, choices) : null
    this.fault(path, `one of ${choices.join(', ')}`, value, near && `did you mean ${near}?`)
    return choices[0]!
  }

  number(value: unknown, path: Path, min: number, max: number): number {
    if (typeof value === 'number' && value >= min && value <= max) return value
    this.fault(path, `a number from ${min} to ${max}`, value)
    return Number.NaN
  }

  integer(value: unknown, path: Path, min: number, max: number): number {
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
      return value as number
    }
    this.fault(path, `a whole number from ${min} to ${max}`, value)
    return min
  }

  /** `30s`, `5m`, `1h`, `7d`, `2w`, `250ms` in ms; more than zero unless `zero` is allowed. */
  durationMs(
    value: unknown,
    path: Path,
    zero: 'zero allowed' | 'above zero' = 'above zero',
  ): number {
    const ms = parseDurationMs(value)
    if (ms !== null && (ms > 0 || zero === 'zero allowed')) return ms
    const above = zero === 'above zero' ? ' above zero' : ''
    const near = meantDuration(value)
    const hint = near === null ? null : `did you mean ${near}?`
    this.fault(path, `a duration${above} such as 30s, 5m, 1h or 7d`, value, hint)
    return 1
  }

  list(value: unknown, path: Path): readonly unknown[] {
    if (Array.isArray(value)) return value as unknown[]
    this.#faultHollow(path, 'a list', value)
    return []
  }

  #faultHollow(path: Path, expected: string, found: unknown): void {
    this.fault(path, expected, found)
    this.#hollow.add(formatPath(path))
  }

  /** Throws DocumentError when anything was wrong, in the order of the document's lines. */
  finish(): void {
    const faults = this.#faults.sort((a, b) => a.line - b.line)
    if (faults.length + this.#adopted.length === 0) return
    throw new DocumentError([...faults, ...this.#adopted])
  }
}

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** A duration's ms, or null when it is none (fractions, no unit, beyond 100 years). */
export function parseDurationMs(value: unknown): number | null {
  const match = typeof value === 'string' ? /^(\d{1,9})(ms|s|m|h|d|w)$/.exec(value) : null
  if (match === null) return null
  const ms = Number(match[1]) * unitsMs[match[2]!]!
  return ms <= 36_525 * 86_400_000 ? ms : null
}

/** `7d` for `7 days`; null where no unit can be guessed. */
function meantDuration(value: unknown): string | null {
  const match = typeof value === 'string' ? /^\s*(\d{1,9})\s*([A-Za-z]+)\s*$/.exec(value) : null
  if (match === null || Number(match[1]) === 0) return null
  const word = match[2]!.toLowerCase()
  const unit = /^(ms|milli)/.test(word) ? 'ms' : word.startsWith('mo') ? '' : word[0]!
  return unit in unitsMs ? `${match[1]}${unit}` : null
}

/** The choice nearest to `name` by edit distance, if it is near enough to have been meant. */
export function closest(name: string, choices: readonly string[]): string | null {
  let best: string | null = null
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const choice of choices) {
    const distance = editDistance(name.toLowerCase(), choice.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = choice
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's distance, given up at `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** `features[3].window`; `(document)` for the whole. */
export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`
  }
  return text === '' ? '(document)' : text
}

/** A found value as it stands in a fault: JSON, cut to 80 characters. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'number') return String(value)
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) return typeof value
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
