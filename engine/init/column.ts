// What a column of a sample looks like: its name in words, its values, how times and amounts are written in it. Looks only;
// which column means what is guess.ts.
import { maskCardNumbers } from '../../features/cards.ts'
import { timeReader } from '../../features/time.ts'
import type { Sample } from './sample.ts'

export interface Column {
  readonly name: string
  /** Lower case words joined by _: `nameOrig` → `name_orig`. */
  readonly words: string
  /** The same of the last name of a path: `txn.amt` → `amt`. */
  readonly lastWords: string
  readonly rows: number
  /** Its texts that are not empty, in order. */
  readonly texts: readonly string[]
  /** By row; null: absent. */
  readonly cells: readonly (string | null)[]
  readonly distinct: ReadonlySet<string>
}

export function columnsOf({ columns, rows }: Sample): Column[] {
  return columns.map((name, c) => {
    const cells = rows.map((row) => row[c] ?? null)
    const texts = cells.filter((text) => text !== null)
    return {
      name,
      words: wordsOf(name),
      lastWords: wordsOf(name.slice(name.lastIndexOf('.') + 1)),
      rows: rows.length,
      texts,
      cells,
      distinct: new Set(texts),
    }
  })
}

function wordsOf(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
    .replaceAll(/^_+|_+$/g, '')
}

/** The share of the texts for which `test` holds; 0 without texts. */
export function shareOf({ texts }: Column, test: (text: string) => boolean): number {
  return texts.length === 0 ? 0 : texts.filter(test).length / texts.length
}

/** Up to three different values for a comment: short, on one line, card numbers masked. */
export function valuesSeen({ distinct }: Column, most = 3): string {
  if (distinct.size === 0) return 'nothing'
  const shown = [...distinct].slice(0, most).map((text) => {
    const masked = Buffer.from(maskCardNumbers(Buffer.from(text.slice(0, 80)))).toString()
    const line = masked.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    return line.length > 28 ? `${line.slice(0, 27)}…` : line
  })
  return shown.join(', ') + (distinct.size > most ? ', …' : '')
}

/** How the times of a column are written; null for no form that Weir reads. */
export interface TimeForm {
  readonly as: string
  /** True if the texts name no zone. */
  readonly isLocal: boolean
  /** The other reading where day and month cannot be told apart. */
  readonly rival: string | null
}

const clocks = [
  '',
  ' HH:mm',
  ' HH:mm:ss',
  ' H:mm',
  ' H:mm:ss',
  ' hh:mm:ss a',
  ' h:mm a',
  ' HH:mm:ss.SSS',
]
const dates = ['dd/MM/yyyy', 'MM/dd/yyyy', 'd/M/yyyy', 'M/d/yyyy', 'dd.MM.yyyy', 'd.M.yyyy']
const moreDates = ['dd-MM-yyyy', 'MM-dd-yyyy', 'yyyy/MM/dd', 'yyyy.MM.dd']
const patterns = [
  ...[...dates, ...moreDates].flatMap((date) => clocks.map((clock) => date + clock)),
  'yyyyMMddHHmmss',
  'yyyyMMdd HHmmss',
  'yyyyMMdd',
]

/** Nearly all of the texts must be of the form: a broken one is for the parser to reject. */
export const mostOfThem = 0.95

export function timeForm(column: Column): TimeForm | null {
  const reads = (as: string): boolean => {
    const read = timeReader(as, 'UTC')
    return read !== null && shareOf(column, (text) => Number.isFinite(read(text))) >= mostOfThem
  }
  if (column.texts.length === 0) return null
  if (reads('iso')) {
    const isLocal = shareOf(column, (text) => /([Zz]|[+-]\d\d:?(\d\d)?)$/.test(text.slice(10))) < 1
    return { as: 'iso', isLocal, rival: null }
  }
  // Ten digits are seconds of this century or the last, thirteen are milliseconds.
  if (shareOf(column, (text) => /^\d{9,10}(\.\d+)?$/.test(text)) >= mostOfThem) {
    return { as: 'epoch_s', isLocal: false, rival: null }
  }
  if (shareOf(column, (text) => /^\d{12,13}$/.test(text)) >= mostOfThem) {
    return { as: 'epoch_ms', isLocal: false, rival: null }
  }
  const [as, ...others] = patterns.filter(reads)
  if (as === undefined) return null
  const isDayFirst = (pattern: string): boolean => pattern.toLowerCase().startsWith('d')
  const rival = others.find((other) => isDayFirst(other) !== isDayFirst(as)) ?? null
  return { as, isLocal: true, rival }
}

/** A whole number from 0 that is too small for seconds since 1970: counted from some start of its own. */
export function isCounted(column: Column): boolean {
  return shareOf(column, (text) => /^\d{1,8}(\.\d+)?$/.test(text)) >= mostOfThem
}

/** How amounts are written. `decimals` are the most that were seen. */
export type AmountForm =
  | { readonly kind: 'plain'; readonly decimals: number; readonly negatives: number }
  | { readonly kind: 'decimal comma' | 'grouped' | 'with a sign' }

export function amountForm(column: Column): AmountForm | null {
  const plain = /^-?\d+(\.\d+)?$/
  if (shareOf(column, (text) => plain.test(text)) >= mostOfThem) {
    const decimals = column.texts.map((text) => (/\.(\d*?)0*$/.exec(text)?.[1] ?? '').length)
    const negatives = column.texts.filter((text) => text.startsWith('-')).length
    return { kind: 'plain', decimals: Math.max(...decimals), negatives }
  }
  const isMostly = (form: RegExp): boolean => {
    return shareOf(column, (text) => plain.test(text) || form.test(text)) >= mostOfThem
  }
  if (isMostly(/^-?\d{1,3}(,\d{3})+(\.\d+)?$/)) return { kind: 'grouped' }
  if (isMostly(/^-?(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?$/)) return { kind: 'decimal comma' }
  if (isMostly(/^-?[\p{Sc}A-Z]{1,3} ?-?[\d.,]+$|^-?[\d.,]+ ?[\p{Sc}A-Z]{1,3}$/u)) {
    return { kind: 'with a sign' }
  }
  return null
}
