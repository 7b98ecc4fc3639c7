// Finds card numbers (13–19 digits that pass the Luhn check, ISO/IEC 7812-1) in raw bytes and masks them in place.
//
// A card number is found wherever it stands, also inside a longer run of digits, as fixed-width messages have it (ISO 8583).
// So a stretch that passes by chance, as one in ten does, is masked too: it costs a dead letter some digits, where the
// contrary would publish a card. What hides its digits (compressed, encrypted, escaped one by one) is not found.

const digitsMin = 13
const digitsMax = 19
const digitsShown = 4
const zero = 0x30
const mask = 0x2a

/**
 * A copy with the digits of every card number but its last four replaced by `*`, or the same bytes when there is none.
 * Digits may be grouped by single spaces, dashes or zero bytes (as in UTF-16). Same length, linear time, any bytes.
 */
export function maskCardNumbers(bytes: Uint8Array): Uint8Array {
  let copy: Uint8Array | null = null
  const places: number[] = []
  let at = 0
  while (at < bytes.length) {
    if (!isDigit(bytes[at]!)) {
      at++
      continue
    }
    places.length = 0
    at = gather(bytes, at, places)
    if (places.length >= digitsMin) copy = maskRun(bytes, places, copy)
  }
  return copy ?? bytes
}

/** Gathers the places of a run of digits with single separators; returns where the run ends. */
function gather(bytes: Uint8Array, from: number, places: number[]): number {
  let at = from
  while (at < bytes.length) {
    if (isDigit(bytes[at]!)) places.push(at++)
    else if (isSeparator(bytes[at]!) && at + 1 < bytes.length && isDigit(bytes[at + 1]!)) at++
    else break
  }
  return at
}

/** Masks each stretch of 13 to 19 digits of the run that passes Luhn, also where they overlap. */
function maskRun(
  bytes: Uint8Array,
  places: readonly number[],
  made: Uint8Array | null,
): Uint8Array | null {
  const sums = luhnSums(bytes, places)
  let copy = made
  // Digits before this one are masked already, or stay.
  let masked = 0
  for (let first = 0; first + digitsMin <= places.length; first++) {
    const length = cardLength(sums, places.length, first)
    if (length === 0) continue
    copy ??= Uint8Array.from(bytes)
    const end = first + length - digitsShown
    for (let i = Math.max(first, masked); i < end; i++) copy[places[i]!] = mask
    masked = Math.max(masked, end)
  }
  return copy
}

/** Running Luhn sums for stretches that end at an even place and at an odd one, so that each stretch costs one difference. */
function luhnSums(bytes: Uint8Array, places: readonly number[]): [Float64Array, Float64Array] {
  const even = new Float64Array(places.length + 1)
  const odd = new Float64Array(places.length + 1)
  for (let i = 0; i < places.length; i++) {
    const digit = bytes[places[i]!]! - zero
    const doubled = digit * 2 > 9 ? digit * 2 - 9 : digit * 2
    even[i + 1] = even[i]! + (i % 2 === 0 ? digit : doubled)
    odd[i + 1] = odd[i]! + (i % 2 === 0 ? doubled : digit)
  }
  return [even, odd]
}

/** Digits of the longest stretch from `first` on that passes; 0 for none. A stretch of zeros is no card. */
function cardLength(sums: [Float64Array, Float64Array], count: number, first: number): number {
  for (let length = Math.min(digitsMax, count - first); length >= digitsMin; length--) {
    const end = first + length
    const running = sums[(end - 1) % 2 === 0 ? 0 : 1]
    const sum = running[end]! - running[first]!
    if (sum > 0 && sum % 10 === 0) return length
  }
  return 0
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39
}

function isSeparator(byte: number): boolean {
  return byte === 0x20 || byte === 0x2d || byte === 0
}
