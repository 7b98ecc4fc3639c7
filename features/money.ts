// Amounts: from decimal text to whole minor units, exactly, without ever being a fraction in between.

/** What `parseMinor` returns instead of an amount. Amounts are never negative, so these cannot be confused with one. */
export const BadAmount = { form: -1, negative: -2, precision: -3, tooLarge: -4 } as const

const digits = /^(-?)(\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
const zero = 0x30
const powers = Float64Array.from({ length: 16 }, (_, n) => 10 ** n)

/**
 * Minor units of decimal text at a fixed scale of `decimals` digits, or a code of BadAmount. `-0` is 0; exponents are
 * exact decimal text too; digits beyond the scale may only be zeros.
 */
export function parseMinor(text: string, decimals: number): number {
  if (text.length > 15) return parseLong(text, decimals)
  let value = 0
  let pointAt = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x2e && pointAt < 0 && i + 1 < text.length) pointAt = i
    else if (code >= zero && code <= 0x39) value = value * 10 + (code - zero)
    else return parseLong(text, decimals)
  }
  if (text.length === 0) return BadAmount.form
  const fraction = pointAt < 0 ? 0 : text.length - pointAt - 1
  if (fraction <= decimals) return bounded(value * powers[decimals - fraction]!)
  const surplus = powers[fraction - decimals]!
  return value % surplus === 0 ? value / surplus : BadAmount.precision
}

function bounded(value: number): number {
  return value <= Number.MAX_SAFE_INTEGER ? value : BadAmount.tooLarge
}

/** Any length, sign and exponent; work in proportion to the text. */
function parseLong(text: string, decimals: number): number {
  const match = digits.exec(text)
  const whole = match?.[2] ?? ''
  const fraction = match?.[3] ?? ''
  if (match === null || whole.length + fraction.length === 0) return BadAmount.form
  const all = (whole + fraction).replace(/^0+/, '')
  if (all === '') return 0
  if (match[1] === '-') return BadAmount.negative
  const significant = all.slice(0, lengthWithoutZeros(all))
  const exponent = Number(match[4] ?? '0') - fraction.length + (all.length - significant.length)
  const shift = exponent + decimals
  if (shift < 0) return BadAmount.precision
  if (significant.length + shift > 16) return BadAmount.tooLarge
  return bounded(Number(BigInt(significant) * 10n ** BigInt(shift)))
}

/** Not `/0+$/`, which looks at a run of zeros once for each of them. */
function lengthWithoutZeros(text: string): number {
  let length = text.length
  while (length > 0 && text.charCodeAt(length - 1) === zero) length--
  return length
}

/** A rate as an exact fraction: `numerator / 10^scale`. */
export interface Rate {
  readonly numerator: bigint
  readonly scale: number
}

/** A rate from its decimal text, more than zero; null when it is none. */
export function parseRate(text: string): Rate | null {
  const match = /^(\d{1,12})(?:\.(\d{1,15}))?$/.exec(text)
  if (match === null) return null
  const fraction = match[2] ?? ''
  const numerator = BigInt(match[1]! + fraction)
  return numerator > 0n ? { numerator, scale: fraction.length } : null
}

/**
 * Minor units of the base currency: `minor` at `decimals` times the rate, rounded once, half to even.
 * BadAmount.tooLarge beyond 2^53 − 1.
 */
export function convertMinor(
  minor: number,
  decimals: number,
  rate: Rate,
  baseDecimals: number,
): number {
  const numerator = BigInt(minor) * rate.numerator * 10n ** BigInt(baseDecimals)
  const denominator = 10n ** BigInt(decimals + rate.scale)
  const quotient = numerator / denominator
  const twice = (numerator % denominator) * 2n
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n)
  return bounded(Number(isUp ? quotient + 1n : quotient))
}
