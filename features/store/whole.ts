// A journal as it comes whole out of Redis, and its sums as they lie there: deflated, since most slices are empty or small
// numbers. What is unpacked here must be the bits that were packed.
import { promisify } from 'node:util'
import { deflateRaw, inflateRawSync } from 'node:zlib'
import type { JournalPlan } from '../journal.ts'
import { StoreError } from './store.ts'

/** `count` records, of which those from `base` on begin at byte `start`, and the others are in the sums. */
export interface Whole {
  readonly bytes: Uint8Array
  readonly start: number
  readonly count: number
  readonly base: number
  /** Null where base is 0. Whoever takes in the journal owns them. */
  readonly hops: Float64Array | null
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
const deflate = promisify(deflateRaw)
/** A fifth of the CPU of the default level for a tenth more bytes. */
const options = { level: 1 }

/** Float64s, little-endian, as Redis keeps them; nothing for a kind without sums. */
export async function packSums(hops: Float64Array): Promise<Buffer> {
  if (hops.length === 0) return Buffer.alloc(0)
  const bytes = Buffer.from(hops.buffer, hops.byteOffset, hops.byteLength)
  return deflate(isLittleEndian ? bytes : Buffer.from(bytes).swap64(), options)
}

/** Throws StoreError where they are not of this plan's length. */
export function unpackSums({ kind, hopFloats }: JournalPlan, packed: Uint8Array): Float64Array {
  const hops = new Float64Array(hopFloats)
  const length = hops.byteLength
  const bytes = packed.length === 0 ? packed : inflated(packed, kind, length)
  if (bytes.length !== length) throw wrong(kind, length, `${bytes.length} bytes`)
  const to = Buffer.from(hops.buffer)
  to.set(bytes)
  if (!isLittleEndian) to.swap64()
  return hops
}

function inflated(packed: Uint8Array, kind: string, length: number): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: length + 1 })
  } catch (cause) {
    throw wrong(kind, length, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function wrong(kind: string, length: number, found: string, cause?: unknown): StoreError {
  return new StoreError(
    `reading a journal of kind ${kind}: expected sums of ${length} bytes, found ${found}: ` +
      'delete the journal, or all of its namespace, and backfill',
    false,
    cause,
  )
}
