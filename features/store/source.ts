// Which message a primary's record names: its own, none where a call appended it, or the one that adopted it since.
import { fingerprintAt, sourceAt, sourceBytes } from '../journal.ts'
import { type Observation, Seen } from '../observation.ts'

const fingerprintWord = fingerprintAt >>> 2
const sourceWord = sourceAt >>> 2
/** Both words of no source. */
const none = 0xffffffff
/** The top bit of a source's offset in its second word, in the machine's order of bytes. */
const adopted = new Uint32Array(new Uint8Array([0, 0, 0, 0x80]).buffer)[0]!

/** False for a record that a call appended and no message has adopted. */
export function hasSource(words: Uint32Array, record: number): boolean {
  return words[record + sourceWord] !== none || words[record + sourceWord + 1] !== none
}

/** What the record at word `record` of `held` says of the one at `words[from]`, which has its identity. */
export function compareSources(
  held: Uint32Array,
  record: number,
  words: Uint32Array,
  from: number,
): Seen {
  const isSameContent =
    held[record + fingerprintWord] === words[from + fingerprintWord] &&
    held[record + fingerprintWord + 1] === words[from + fingerprintWord + 1]
  if (!hasSource(words, from)) return isSameContent ? Seen.redelivery : Seen.conflict
  const change = (held[record + sourceWord + 1]! ^ words[from + sourceWord + 1]!) >>> 0
  if (held[record + sourceWord] === words[from + sourceWord]) {
    if (change === 0) return Seen.redelivery
    if (change === adopted) return Seen.adopted
  }
  if (isSameContent && !hasSource(held, record)) return Seen.adopted
  return isSameContent ? Seen.duplicate : Seen.conflict
}

/** Lets the record at word `record` of `held` name the source of the one at `words[from]`. */
export function adoptRecord(
  held: Uint32Array,
  record: number,
  words: Uint32Array,
  from: number,
): void {
  held[record + sourceWord] = words[from + sourceWord]!
  held[record + sourceWord + 1] = (words[from + sourceWord + 1]! ^ adopted) >>> 0
}

/** Notes the source of the record at byte `start` as the first message of `row`; -1 for both when it had none. */
export function noteFirst(batch: Observation, row: number, data: DataView, start: number): void {
  noteSource(batch, row, data, start + sourceAt)
}

/** Notes the message that brought the record at byte `start` first: none where a call did, whatever adopted it since. */
export function noteBringer(batch: Observation, row: number, data: DataView, start: number): void {
  const isAdopted = (data.getUint8(start + sourceAt + sourceBytes - 1) & 0x80) !== 0
  if (!isAdopted) noteSource(batch, row, data, start + sourceAt)
}

/** The same from the eight bytes of a source alone, little-endian: features/journal.ts says what is in them. */
export function noteSource(batch: Observation, row: number, data: DataView, at: number): void {
  const partition = data.getUint16(at, true)
  const high = data.getUint32(at + 4, true)
  const low = data.getUint16(at + 2, true)
  const isNone = partition === 0xffff && low === 0xffff && high === 0xffff_ffff
  const offset = low + (high & 0x7fff_ffff) * 0x10000
  batch.firstPartition[row] = isNone ? -1 : partition
  batch.firstOffset[row] = isNone ? -1 : offset
}
