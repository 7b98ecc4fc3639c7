// CRC-32C (Castagnoli), the checksum of Kafka's record batches (RFC 3720, appendix B.4), eight bytes a step. It reads bytes and
// knows nothing of what they say.

const slices = 8
const polynomial = 0x82f63b78
const tables = makeTables()

/** Of bytes [start, end), unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  const t = tables
  let crc = -1
  let at = start
  for (const last = end - slices; at <= last; at += slices) {
    crc =
      t[0x700 | ((crc ^ bytes[at]!) & 0xff)]! ^
      t[0x600 | (((crc >>> 8) ^ bytes[at + 1]!) & 0xff)]! ^
      t[0x500 | (((crc >>> 16) ^ bytes[at + 2]!) & 0xff)]! ^
      t[0x400 | ((crc >>> 24) ^ bytes[at + 3]!)]! ^
      t[0x300 | bytes[at + 4]!]! ^
      t[0x200 | bytes[at + 5]!]! ^
      t[0x100 | bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = t[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Table s at s * 256: what a byte does to the checksum when s more bytes follow it in its step. */
function makeTables(): Int32Array {
  const tables = new Int32Array(256 * slices)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!
    tables[at] = tables[before & 0xff]! ^ (before >>> 8)
  }
  return tables
}
