// A table of rates to one base currency, read from its own document. It says what one unit of each currency is worth; what
// that makes of an amount is money.ts.
import { isCurrencyCode } from './currency.ts'
import { type Document, DocumentReader } from './document.ts'
import { parseRate, type Rate } from './money.ts'

export interface Rates {
  readonly base: string
  readonly baseDigits: number
  /** The base is in it, at 1. */
  readonly byCurrency: ReadonlyMap<string, Rate>
}

/**
 * `base: EUR`, `decimals: 2`, `rates: { USD: "0.92" }`: units of the base for one of each.
 * Throws DocumentError with all its faults.
 */
export function compileRates(document: Document): Rates {
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], ['base', 'decimals', 'rates']) ?? {}
  const base = reader.text(root['base'], ['base'])
  if (base !== '' && !isCurrencyCode(base)) {
    reader.fault(['base'], 'a currency code of three capital letters', base)
  }
  const baseDigits = reader.integer(root['decimals'] ?? 2, ['decimals'], 0, 8)
  const byCurrency = new Map<string, Rate>([[base, { numerator: 1n, scale: 0 }]])
  for (const [code, value] of Object.entries(reader.names(root['rates'], ['rates']))) {
    const path = ['rates', code]
    const text = typeof value === 'number' ? String(value) : value
    const rate = typeof text === 'string' ? parseRate(text) : null
    if (!isCurrencyCode(code)) reader.fault(path, 'a currency code of three capital letters', code)
    if (rate === null) reader.fault(path, 'a decimal above 0 such as 0.92', value)
    else if (code !== base) byCurrency.set(code, rate)
    else if (rate.numerator !== 10n ** BigInt(rate.scale)) {
      reader.fault(path, '1 for the base itself', value)
    }
  }
  reader.finish()
  return { base, baseDigits, byCurrency }
}
