// How fast somebody would have had to travel between two places on the way of a great circle.
import { degreeUnits } from './layout.ts'

/** Mean radius of the earth, km (IUGG, R1). */
const radiusKm = 6371.0088
const radiansPerUnit = Math.PI / 180 / degreeUnits
const hourMs = 3_600_000
const shortestMs = 1000

/** Whole km/h between two places, millionths of a degree, in `elapsedMs`; less than a second counts as one. Haversine formula. */
export function kilometresPerHour(
  fromLatitude: number,
  fromLongitude: number,
  toLatitude: number,
  toLongitude: number,
  elapsedMs: number,
): number {
  const sinLatitude = Math.sin(((toLatitude - fromLatitude) * radiansPerUnit) / 2)
  const sinLongitude = Math.sin(((toLongitude - fromLongitude) * radiansPerUnit) / 2)
  const cosines = Math.cos(fromLatitude * radiansPerUnit) * Math.cos(toLatitude * radiansPerUnit)
  const haversine = Math.min(1, sinLatitude * sinLatitude + cosines * sinLongitude * sinLongitude)
  const distanceKm = 2 * radiusKm * Math.atan2(Math.sqrt(haversine), Math.sqrt(1 - haversine))
  return Math.round((distanceKm * hourMs) / Math.max(shortestMs, elapsedMs))
}
