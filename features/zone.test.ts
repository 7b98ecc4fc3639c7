// Local times and UTC, there and back, across the changes of the clocks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isZone, Zone } from './zone.ts'

const hourMs = 3_600_000
const minuteMs = 60_000

test('offsets are those of the tz database', () => {
  const offsetOf = (name: string, text: string): number =>
    new Zone(name).offsetMs(Date.parse(text)) / minuteMs
  assert.equal(offsetOf('Europe/Berlin', '2026-01-01T00:00:00Z'), 60)
  assert.equal(offsetOf('Europe/Berlin', '2026-03-29T00:59:59.999Z'), 60)
  assert.equal(offsetOf('Europe/Berlin', '2026-03-29T01:00:00Z'), 120)
  assert.equal(offsetOf('America/New_York', '2026-07-01T00:00:00Z'), -240)
  assert.equal(offsetOf('Asia/Kathmandu', '2026-07-01T00:00:00Z'), 345)
  assert.equal(offsetOf('Australia/Lord_Howe', '2026-01-01T00:00:00Z'), 660)
  assert.equal(offsetOf('Australia/Lord_Howe', '2026-07-01T00:00:00Z'), 630)
  assert.equal(offsetOf('UTC', '2026-07-01T00:00:00Z'), 0)
})

test('a fixed offset is a zone on every version of Node', () => {
  assert.equal(new Zone('+05:30').offsetMs(0), 330 * minuteMs)
  assert.equal(new Zone('-08:00').offsetMs(1.7e12), -8 * hourMs)
  assert.equal(new Zone('-08:00').toUtcMs(0), 8 * hourMs)
})

test('what is no zone is none', () => {
  for (const name of ['Europe/Berlin', 'CET', 'Etc/GMT+5', '+00:00', '-23:59'])
    assert.ok(isZone(name))
  const none = ['', 'Mars/Base', '+24:00', '+05:60', '+5:30', '+0530', '05:30', 'GMT+2', 'local']
  for (const name of none) assert.ok(!isZone(name), name)
})

// 2011: Samoa crossed the date line; its 30 December never came.
test('a local time that never comes is NaN, be it an hour or a day', () => {
  const utc = (name: string, text: string): number => new Zone(name).toUtcMs(Date.parse(`${text}Z`))
  assert.ok(Number.isNaN(utc('Europe/Berlin', '2026-03-29T02:00:00')))
  assert.ok(Number.isNaN(utc('Europe/Berlin', '2026-03-29T02:59:59.999')))
  assert.equal(utc('Europe/Berlin', '2026-03-29T03:00:00'), Date.parse('2026-03-29T01:00:00Z'))
  assert.equal(
    utc('Europe/Berlin', '2026-03-29T01:59:59.999'),
    Date.parse('2026-03-29T00:59:59.999Z'),
  )
  assert.ok(Number.isNaN(utc('Australia/Lord_Howe', '2026-10-04T02:15:00')))
  assert.ok(Number.isNaN(utc('Pacific/Apia', '2011-12-30T12:00:00')))
  assert.equal(utc('Pacific/Apia', '2011-12-29T23:00:00'), Date.parse('2011-12-30T09:00:00Z'))
  assert.equal(utc('Pacific/Apia', '2011-12-31T00:00:00'), Date.parse('2011-12-30T10:00:00Z'))
})

const names = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Africa/Casablanca',
]
const zones = names.map((name) => new Zone(name))

/** ms UTC within two hours of each change of 2024. */
const changes = zones.flatMap((zone) => {
  const found: number[] = []
  for (let at = Date.UTC(2024, 0, 1); at < Date.UTC(2025, 0, 1); at += hourMs / 4) {
    if (zone.offsetMs(at) !== zone.offsetMs(at - 1)) found.push(at)
  }
  return found
})

test('every moment is found again from its local time; where that comes twice, the first one', () => {
  assert.ok(changes.length >= 6)
  const near = fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -2 * hourMs, max: 2 * hourMs }))
    .map(([at, off]) => at + off)
  const any = fc.integer({ min: Date.UTC(1975, 0, 1), max: Date.UTC(2037, 11, 31) })
  fc.assert(
    fc.property(fc.oneof(near, any), fc.constantFrom(...zones), (utcMs, zone) => {
      const localMs = utcMs + zone.offsetMs(utcMs)
      const found = zone.toUtcMs(localMs)
      assert.ok(found <= utcMs)
      assert.equal(found + zone.offsetMs(found), localMs)
    }),
    { numRuns: 3000 },
  )
})
