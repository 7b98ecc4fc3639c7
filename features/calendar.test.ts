// Calendar features against Date and Intl, in UTC and in zones, and their half-open ranges.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { calendarValue } from './calendar.ts'
import { type Calendar, calendars, compileCatalog, type Feature } from './catalog.ts'

function feature(calendar: Calendar, more: object = {}): Feature {
  const value = { features: [{ name: 'f', calendar, ...more }] }
  return compileCatalog({ file: 'catalog', value, lineOf: () => 1 }).features[0]!
}

const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** As Intl would show it on a wall. */
function shown(timeMs: number, timeZone: string): Record<Calendar, number> {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    hourCycle: 'h23',
    weekday: 'short',
    day: 'numeric',
  })
  const parts = new Map(format.formatToParts(timeMs).map(({ type, value }) => [type, value]))
  const weekday = days.indexOf(parts.get('weekday')!)
  return {
    hour: Number(parts.get('hour')),
    weekday,
    weekend: weekday >= 5 ? 1 : 0,
    day: Number(parts.get('day')),
  }
}

const anyTime = fc.integer({ min: 0, max: 253_402_300_799_999 })

test('hour, weekday from Monday on, weekend and day of the month are those of UTC', () => {
  fc.assert(
    fc.property(anyTime, (timeMs) => {
      const date = new Date(timeMs)
      const expected = {
        hour: date.getUTCHours(),
        weekday: (date.getUTCDay() + 6) % 7,
        weekend: [0, 6].includes(date.getUTCDay()) ? 1 : 0,
        day: date.getUTCDate(),
      }
      for (const calendar of calendars) {
        assert.equal(calendarValue(feature(calendar), timeMs), expected[calendar])
      }
    }),
  )
})

test('in a zone they are what a clock on the wall there shows', () => {
  const from2000 = fc.integer({ min: 946_684_800_000, max: 2_145_916_800_000 })
  const zones = fc.constantFrom('Europe/Berlin', 'America/St_Johns', 'Pacific/Kiritimati')
  fc.assert(
    fc.property(from2000, zones, (timeMs, tz) => {
      const expected = shown(timeMs, tz)
      for (const calendar of calendars) {
        assert.equal(calendarValue(feature(calendar, { tz }), timeMs), expected[calendar])
      }
    }),
    { numRuns: 500 },
  )
})

//  0     6                 22  24
//  ├─in──┤ out             ├in─┤     [22, 6) goes round midnight, 6 is out and 22 is in
test('a range is half open, and goes round where it ends before it begins', () => {
  const at = (hour: number): number => Date.UTC(2026, 2, 1, hour, 59)
  const inside = (between: readonly [number, number]): number[] =>
    Array.from({ length: 24 }, (_, hour) => hour).filter(
      (hour) => calendarValue(feature('hour', { between }), at(hour)) === 1,
    )
  assert.deepEqual(inside([22, 6]), [0, 1, 2, 3, 4, 5, 22, 23])
  assert.deepEqual(inside([0, 6]), [0, 1, 2, 3, 4, 5])
  assert.deepEqual(inside([22, 24]), [22, 23])
  assert.deepEqual(inside([9, 10]), [9])
  assert.equal(inside([0, 24]).length, 24)
})
