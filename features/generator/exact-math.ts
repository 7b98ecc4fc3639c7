// ln, exp and the normal quantile from + − × ÷ and √ alone, which IEEE 754 fixes to the last bit: `Math.log` and its kin
// may differ in theirs between engines, and one bit is enough to make another stream of a seed.

const bits = new DataView(new ArrayBuffer(8))
const ln2 = 0.6931471805599453
const sqrt2 = 1.4142135623730951

/** Natural logarithm of a normal number above zero, to about 1e-15. */
export function ln(x: number): number {
  bits.setFloat64(0, x)
  const high = bits.getUint32(0)
  let exponent = (high >>> 20) - 1023
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000)
  let mantissa = bits.getFloat64(0)
  if (mantissa > sqrt2) {
    mantissa *= 0.5
    exponent++
  }
  // ln m = 2 artanh s: |s| ≤ 0.172, so eight terms leave less than a bit.
  const s = (mantissa - 1) / (mantissa + 1)
  const q = s * s
  const series =
    1 +
    q *
      (1 / 3 +
        q *
          (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q * (1 / 15 + q / 17)))))))
  return exponent * ln2 + 2 * s * series
}

/** e to the x for |x| ≤ 700, to about 1e-15 relative. */
export function exp(x: number): number {
  const twos = Math.floor(x / ln2 + 0.5)
  const r = x - twos * ln2
  let sum = 1
  for (let term = 13; term >= 1; term--) sum = 1 + (sum * r) / term
  bits.setUint32(0, (twos + 1023) << 20)
  bits.setUint32(4, 0)
  return sum * bits.getFloat64(0)
}

/** `base` to the `exponent`, for a base above zero. */
export function power(base: number, exponent: number): number {
  return exp(exponent * ln(base))
}

/**
 * The standard normal's quantile at p in (0, 1), to about 1e-7: algorithm AS 241 PPND7 (M. J. Wichura, "The Percentage
 * Points of the Normal Distribution", Applied Statistics 37, 1988).
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q
    const top = ((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
    const bottom = ((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1
    return (q * top) / bottom
  }
  let r = Math.sqrt(-ln(q < 0 ? p : 1 - p))
  let z: number
  if (r <= 5) {
    r -= 1.6
    const top = ((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777
    z = top / ((0.12021132975 * r + 0.7370016425) * r + 1)
  } else {
    r -= 5
    const top = ((0.017337203997 * r + 0.42868294337) * r + 3.081226386) * r + 6.657905115
    z = top / ((0.012258202635 * r + 0.24197894225) * r + 1)
  }
  return q < 0 ? -z : z
}
