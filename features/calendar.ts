// Calendar features: hour, weekday, weekend and day of the month, in UTC or a time zone.
import type { Calendar, Feature } from './catalog.ts'
import { Zone } from './zone.ts'

const hourMs = 3_600_000
const dayMs = 86_400_000

export function calendarValue(feature: Feature, timeMs: number): number {
  const localMs = feature.tz === 'UTC' ? timeMs : timeMs + zoneOf(feature.tz).offsetMs(timeMs)
  const value = read(feature.calendar!, localMs)
  if (feature.between === null) return value
  const [from, to] = feature.between
  const isInside = from <= to ? value >= from && value < to : value >= from || value < to
  return isInside ? 1 : 0
}

function read(calendar: Calendar, localMs: number): number {
  switch (calendar) {
    case 'hour':
      return Math.floor(localMs / hourMs) % 24
    case 'weekday':
      return weekday(localMs)
    case 'weekend':
      return weekday(localMs) >= 5 ? 1 : 0
    case 'day':
      return new Date(localMs).getUTCDate()
  }
}

/** 0 is Monday; 1 January 1970 was a Thursday. */
function weekday(localMs: number): number {
  return (Math.floor(localMs / dayMs) + 3) % 7
}

const zones = new Map<string, Zone>()

function zoneOf(tz: string): Zone {
  let zone = zones.get(tz)
  if (zone === undefined) {
    zone = new Zone(tz)
    zones.set(tz, zone)
  }
  return zone
}
