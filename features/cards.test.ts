// Card numbers against a naive twin: published test numbers, any grouping, any surroundings, and nothing else is touched.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maskCardNumbers } from './cards.ts'

function masked(text: string, encoding: BufferEncoding = 'latin1'): string {
  return Buffer.from(maskCardNumbers(Buffer.from(text, encoding))).toString(encoding)
}

/** ISO/IEC 7812-1, annex B, digit by digit. */
function passesLuhn(digits: string): boolean {
  const sum = Array.from(digits)
    .reverse()
    .reduce((total, digit, place) => {
      const value = place % 2 === 0 ? Number(digit) : Number(digit) * 2
      return total + (value > 9 ? value - 9 : value)
    }, 0)
  return sum > 0 && sum % 10 === 0
}

/** Every stretch of 13 to 19 digits that passes, all but its last four. */
function maskedNaively(text: string): string {
  const out = Array.from(text)
  for (const { 0: run, index } of text.matchAll(/\d(?:[ \0-]?\d)*/g)) {
    const places = Array.from(run).flatMap((char, at) => (/\d/.test(char) ? [index + at] : []))
    for (let first = 0; first < places.length; first++) {
      for (let length = 13; length <= 19 && first + length <= places.length; length++) {
        const stretch = places.slice(first, first + length)
        if (!passesLuhn(stretch.map((at) => text[at]).join(''))) continue
        for (const at of stretch.slice(0, -4)) out[at] = '*'
      }
    }
  }
  return out.join('')
}

/** The numbers that card schemes publish for tests, 13 to 19 digits. */
const published: readonly string[] = [
  '4222222222222',
  '30569309025904',
  '378282246310005',
  '5555555555554444',
  '4111111111111111',
  '6011000990139424',
  '3530111333300000',
  '6304000000000000000',
]

test('a card number keeps its last four digits, alone and anywhere in a text', () => {
  for (const number of published) {
    const shown = '*'.repeat(number.length - 4) + number.slice(-4)
    assert.equal(masked(number), shown)
    assert.equal(masked(`{"note":"card ${number}, thanks"}`), `{"note":"card ${shown}, thanks"}`)
    assert.equal(masked(`;${number}=2512101?`), `;${shown}=2512101?`, 'track 2')
  }
})

test('digits may be grouped by single spaces and dashes, and stand apart in UTF-16', () => {
  assert.equal(masked('4111 1111 1111 1111'), '**** **** **** 1111')
  assert.equal(masked('3782-822463-10005'), '****-******-*0005')
  assert.equal(masked('4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1'), '* * * * * * * * * * * * 1 1 1 1')
  assert.equal(masked('a 4111111111111111', 'utf16le'), 'a ************1111')
  assert.equal(masked('4111  1111  1111  1111'), '4111  1111  1111  1111', 'two spaces part them')
})

test('what fails the check, is too short, or is all zeros stays as it is, without a copy', () => {
  for (const text of [
    '1000000000000000',
    '411111111111',
    '0000000000000000',
    '2026-03-01 12:00:00',
  ]) {
    const bytes = Buffer.from(text)
    assert.equal(maskCardNumbers(bytes), bytes, text)
  }
})

test('the bytes that are handed in are never changed', () => {
  const bytes = Buffer.from('4111111111111111')
  assert.notEqual(maskCardNumbers(bytes), bytes)
  assert.equal(bytes.toString(), '4111111111111111')
})

//   …1234567890 4111111111111111 9876…: no edges that would tell where the card begins
test('a card number inside a longer run of digits is found, wherever a chance hit ends before it', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^\d{0,30}$/),
      fc.constantFrom(...published),
      fc.stringMatching(/^\d{0,30}$/),
      (before, number, after) => {
        const found = masked(before + number + after).slice(
          before.length,
          before.length + number.length,
        )
        assert.match(found, new RegExp(`^\\*{${number.length - 4}}`), before + number + after)
      },
    ),
    { numRuns: 2000 },
  )
})

test('equals the naive twin on texts of digits, separators and others', () => {
  const piece = fc.oneof(
    { weight: 5, arbitrary: fc.stringMatching(/^\d{1,9}$/) },
    { weight: 2, arbitrary: fc.constantFrom(...published) },
    { weight: 3, arbitrary: fc.constantFrom(' ', '-', '\0', '  ', ',', 'x', '=', '\xff') },
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      assert.equal(masked(text), maskedNaively(text))
    }),
    { numRuns: 3000 },
  )
})
