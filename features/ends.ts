// What sums of records keep of their ends: where the newest was, and the first and the last value of a number. Of records at the
// same ms the first is the one with the least ordinal, the last the one with the greatest: they are added in that order.
import { nowhere, type RecordLayout } from './layout.ts'

/** ms of the newest that has a location, its latitude and longitude. */
export const locationFloats = 3
/** First ms, first, last ms, last. */
export const endFloats = 4

export function openLocation(out: Float64Array, to: number): void {
  out[to] = -Infinity
}

export function addLocation(
  { location }: RecordLayout,
  out: Float64Array,
  to: number,
  data: DataView,
  record: number,
  timeMs: number,
): void {
  const latitude = data.getInt32(record + location, true)
  if (latitude === nowhere || timeMs < out[to]!) return
  out[to] = timeMs
  out[to + 1] = latitude
  out[to + 2] = data.getInt32(record + location + 4, true)
}

export function openEnd(out: Float64Array, to: number): void {
  out[to] = Infinity
  out[to + 2] = -Infinity
}

/** NaN, where the record has no such number, adds nothing. */
export function addEnd(out: Float64Array, to: number, timeMs: number, number: number): void {
  if (Number.isNaN(number)) return
  if (timeMs < out[to]!) {
    out[to] = timeMs
    out[to + 1] = number
  }
  if (timeMs >= out[to + 2]!) {
    out[to + 2] = timeMs
    out[to + 3] = number
  }
}
