// How much of Redis a journal takes, as its MEMORY USAGE says: the strings that Redis 7 makes in jemalloc's sizes when a value is
// set and then grows. For estimates before there is a Redis; nothing depends on it.

/** An entry of the table of keys, and the object of a value. */
const entryBytes = 24
const objectBytes = 16
/** Growing strings get twice what they need, up to this much more. */
const growthMax = 2 ** 20
/** A header of observe.lua's journals. */
const headerBytes = 32
/** Up to so many bytes observe.lua writes a journal anew instead of growing it. */
export const rewrittenMax = 512

/** The size of jemalloc's that holds `bytes`: four to each doubling. */
function allocated(bytes: number): number {
  if (bytes <= 16) return 16
  if (bytes <= 128) return Math.ceil(bytes / 16) * 16
  const step = 2 ** (Math.ceil(Math.log2(bytes)) - 3)
  return Math.ceil(bytes / step) * step
}

/** Bytes before and behind the characters of a string. */
function frameOf(length: number): number {
  if (length < 32) return 2
  if (length < 256) return 4
  return length < 65_536 ? 6 : 10
}

function stringBytes(length: number): number {
  return allocated(length + frameOf(length))
}

/** MEMORY USAGE of a journal whose records came one by one. `keyLength`: characters of its key. */
export function journalBytes(records: number, width: number, keyLength: number): number {
  let length = headerBytes + width
  let bytes = stringBytes(length)
  let capacity = capacityWhenSet(length, bytes)
  for (let n = 2; n <= records; n++) {
    const isRewritten = length <= rewrittenMax
    length += width
    if (isRewritten) {
      bytes = stringBytes(length)
      capacity = capacityWhenSet(length, bytes)
    } else if (length > capacity) {
      const asked = length + Math.min(length, growthMax)
      bytes = stringBytes(asked)
      capacity = bytes - frameOf(asked)
    }
  }
  return entryBytes + objectBytes + stringBytes(keyLength) + bytes
}

/** A value that is set gives back what is more than a tenth of it. */
function capacityWhenSet(length: number, bytes: number): number {
  const free = bytes - frameOf(length) - length
  return free > length / 10 ? length : length + free
}
