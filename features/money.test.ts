// Amounts against exact rational arithmetic in BigInt, currencies against ISO 4217, and rates rounded half to even.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { currencyDigits, isCurrencyCode } from './currency.ts'
import { BadAmount, convertMinor, parseMinor, parseRate } from './money.ts'

const safeMax = BigInt(Number.MAX_SAFE_INTEGER)

/** The amount as an exact fraction, by the book. */
function parseNaively(text: string, decimals: number): number {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^(-?)(\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!
  const units = BigInt(whole! + fraction)
  const shift = Number(exponent) - fraction.length + decimals
  if (units === 0n) return 0
  if (sign === '-') return BadAmount.negative
  const numerator = shift > 0 ? units * 10n ** BigInt(shift) : units
  const denominator = shift < 0 ? 10n ** BigInt(-shift) : 1n
  if (numerator % denominator !== 0n) return BadAmount.precision
  const minor = numerator / denominator
  return minor > safeMax ? BadAmount.tooLarge : Number(minor)
}

const digits = fc.stringMatching(/^(0{0,3}[1-9]{0,4}\d{0,14}0{0,6})$/)

test('equals exact arithmetic for any digits, point, sign and exponent, at every scale', () => {
  const amount = fc.record({
    sign: fc.constantFrom('', '', '', '-'),
    whole: digits,
    fraction: fc.option(fc.stringMatching(/^\d{1,12}0{0,4}$/), { nil: null }),
    exponent: fc.option(fc.integer({ min: -20, max: 20 }), { nil: null }),
    decimals: fc.integer({ min: 0, max: 8 }),
  })
  fc.assert(
    fc.property(amount, ({ sign, whole, fraction, exponent, decimals }) => {
      fc.pre(whole !== '' || fraction !== null)
      const point = fraction === null ? '' : `.${fraction}`
      const power = exponent === null ? '' : `e${exponent}`
      const text = sign + whole + point + power
      assert.ok(Object.is(parseMinor(text, decimals), parseNaively(text, decimals)), text)
    }),
    { numRuns: 20_000 },
  )
})

test('every whole number of minor units survives its own text', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: 4 }),
      (minor, decimals, zeros) => {
        const padded = String(minor).padStart(decimals + 1, '0')
        const at = padded.length - decimals
        const text = `${padded.slice(0, at)}.${padded.slice(at)}${'0'.repeat(zeros)}`
        const trimmed = text.endsWith('.') ? text.slice(0, -1) : text
        assert.equal(parseMinor(trimmed, decimals), minor)
      },
    ),
    { numRuns: 5000 },
  )
})

test('what a float cannot hold is exact: thirds of cents never appear, large amounts keep their last unit', () => {
  assert.equal(parseMinor('0.29', 2), 29, '0.29 × 100 is 28.999999999999996')
  assert.equal(parseMinor('1.005', 3), 1005)
  assert.equal(parseMinor('16777217', 2), 1_677_721_700)
  assert.equal(parseMinor('90071992547409.91', 2), Number.MAX_SAFE_INTEGER)
  assert.equal(parseMinor('90071992547409.92', 2), BadAmount.tooLarge)
  assert.equal(parseMinor('9007199254740991.0000000000000000001', 0), BadAmount.precision)
})

test('what is no plain decimal is none', () => {
  const bad = [
    '',
    '.',
    '-',
    '5.',
    '+5',
    '1,5',
    '1_000',
    '1 000',
    ' 1',
    '1 ',
    '0x10',
    '1e',
    'e5',
    '1.2.3',
  ]
  const words = [
    'NaN',
    'Infinity',
    'null',
    '--1',
    '1-',
    '\u0661',
    '\uff11',
    '\u22125',
    '1e5.5',
    '$5',
  ]
  for (const text of [...bad, ...words]) assert.equal(parseMinor(text, 2), BadAmount.form, text)
  assert.equal(parseMinor('.5', 2), 50)
  assert.ok(Object.is(parseMinor('-0', 2), 0))
  assert.ok(Object.is(parseMinor('-0.00e9', 2), 0))
})

test('an exponent of any size is read without being written out', () => {
  assert.equal(parseMinor('1e400', 2), BadAmount.tooLarge)
  assert.equal(parseMinor('1e-400', 2), BadAmount.precision)
  assert.equal(parseMinor(`1e${'9'.repeat(400)}`, 2), BadAmount.tooLarge)
  assert.equal(parseMinor(`1e-${'9'.repeat(400)}`, 2), BadAmount.precision)
  assert.equal(parseMinor('0e999999999', 2), 0)
  assert.equal(parseMinor(`${'0'.repeat(1000)}1e-0000000001`, 2), 10)
})

test('digits behind the point are those of ISO 4217', () => {
  const digitsOf: Readonly<Record<string, number>> = {
    ...{ EUR: 2, USD: 2, GBP: 2, CHF: 2, CNY: 2, INR: 2, MRU: 2, XCG: 2, ZWG: 2, VED: 2 },
    ...{ JPY: 0, KRW: 0, CLP: 0, VND: 0, ISK: 0, UGX: 0, PYG: 0, XAF: 0, XOF: 0, XPF: 0, UYI: 0 },
    ...{ BHD: 3, KWD: 3, OMR: 3, JOD: 3, TND: 3, IQD: 3, LYD: 3 },
    ...{ CLF: 4, UYW: 4 },
    ...{ DEM: 2, FRF: 2, ITL: 0, ESP: 0, PTE: 0, GRD: 0, TRL: 0, BYR: 0, HRK: 2, SLL: 2 },
  }
  for (const [code, count] of Object.entries(digitsOf))
    assert.equal(currencyDigits(code), count, code)
  for (const code of ['QQQ', 'eur', 'EU', 'XXX', 'XAU', 'XDR', ''])
    assert.equal(currencyDigits(code), null)
})

test('every currency that this Node knows is known, but for metals, funds and units of account', () => {
  const unknown = Intl.supportedValuesOf('currency').filter((code) => currencyDigits(code) === null)
  assert.deepEqual(
    unknown.filter((code) => !code.startsWith('X')),
    [],
  )
})

test('a code is three capital letters', () => {
  for (const code of ['EUR', 'QQQ']) assert.ok(isCurrencyCode(code))
  for (const text of ['eur', 'EU', 'EURO', 'E R', 'ÄUR', '978', ''])
    assert.ok(!isCurrencyCode(text))
})

test('a rate is a decimal above 0, exact', () => {
  assert.deepEqual(parseRate('0.92'), { numerator: 92n, scale: 2 })
  assert.deepEqual(parseRate('150'), { numerator: 150n, scale: 0 })
  const bad = ['0', '0.00', '-1', '1e2', '', '.5', '1.', 'NaN', '1,1', '1234567890123']
  for (const text of bad) assert.equal(parseRate(text), null, text)
})

test('a converted amount is rounded once, to the nearest minor unit of the base, ties to the even one', () => {
  const half = parseRate('0.5')!
  assert.deepEqual(
    [1, 3, 5, 7, 2].map((minor) => convertMinor(minor, 2, half, 2)),
    [0, 2, 2, 4, 1],
  )
  assert.equal(convertMinor(1000, 0, parseRate('0.00611')!, 2), 611, 'JPY to EUR')
  assert.equal(convertMinor(1234, 3, parseRate('2.43')!, 2), 300, 'BHD to EUR: 2.99862')
  assert.equal(convertMinor(Number.MAX_SAFE_INTEGER, 2, parseRate('1.01')!, 2), BadAmount.tooLarge)
})

test('a converted amount is never further than half a unit away, and exact where it can be', () => {
  const rates = fc.tuple(fc.integer({ min: 1, max: 10 ** 9 }), fc.integer({ min: 0, max: 15 }))
  const scales = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }))
  fc.assert(
    fc.property(fc.nat(10 ** 12), rates, scales, (minor, [numerator, scale], [from, to]) => {
      const rate = { numerator: BigInt(numerator), scale }
      const found = convertMinor(minor, from, rate, to)
      const top = BigInt(minor) * rate.numerator * 10n ** BigInt(to)
      const bottom = 10n ** BigInt(from + scale)
      if (found === BadAmount.tooLarge) {
        assert.ok(2n * top >= (2n * safeMax + 1n) * bottom)
        return
      }
      const off = 2n * (BigInt(found) * bottom - top)
      const distance = off < 0n ? -off : off
      assert.ok(distance < bottom || (distance === bottom && found % 2 === 0))
    }),
    { numRuns: 5000 },
  )
})
