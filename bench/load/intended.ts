// When a transaction was due, carried in the transaction itself, so that a reader can pair it with its outcome and need not ask
// the generator: a header that no mapping reads.

/** ns of the machine's monotonic clock: 8 bytes, big-endian. */
export const intendedHeader = 'intended-ns'

export function intendedBytes(ns: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeUInt32BE(Math.floor(ns / 2 ** 32), 0)
  bytes.writeUInt32BE(ns % 2 ** 32, 4)
  return bytes
}

/** Throws where a header says nothing of the kind. */
export function readIntended(header: unknown): number {
  if (Buffer.isBuffer(header) && header.length === 8) {
    return header.readUInt32BE(0) * 2 ** 32 + header.readUInt32BE(4)
  }
  throw new Error(`expected a header ${intendedHeader} of 8 bytes, found ${String(header)}`)
}
