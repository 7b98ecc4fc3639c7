// Claims about what a reader of outcomes notices.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arrivals } from './arrivals.ts'

function arrivalsOf(...partitions: readonly (readonly number[])[]): Arrivals {
  const arrivals = new Arrivals(partitions.length)
  for (const [partition, offsets] of partitions.entries()) {
    for (const [at, offset] of offsets.entries()) arrivals.add(partition, offset, at + 1)
  }
  return arrivals
}

test('one outcome for each transaction, ascending, has no fault', () => {
  const arrivals = arrivalsOf([0, 1, 2], [0, 1])
  assert.deepEqual(arrivals.faults([3, 2]), { lost: 0, doubled: 0, reordered: 0 })
  assert.ok(arrivals.has([3, 2]))
  assert.ok(!arrivals.has([3, 3]))
})

test('a transaction without an outcome is lost, between others and behind the last', () => {
  assert.deepEqual(arrivalsOf([0, 2]).faults([3]), { lost: 1, doubled: 0, reordered: 0 })
  assert.deepEqual(arrivalsOf([0, 1]).faults([5]), { lost: 3, doubled: 0, reordered: 0 })
  assert.deepEqual(arrivalsOf([0], []).faults([1, 2]), { lost: 2, doubled: 0, reordered: 0 })
})

test('a second outcome is doubled, and counts from the first', () => {
  const arrivals = arrivalsOf([0, 1, 1, 0, 2])
  assert.deepEqual(arrivals.faults([3]), { lost: 0, doubled: 2, reordered: 0 })
  assert.equal(arrivals.at(0, 1), 2)
  assert.ok(!arrivals.has([4]), 'doubled ones stand for no other')
})

test('an outcome behind a later one is out of order', () => {
  assert.deepEqual(arrivalsOf([0, 2, 1, 3]).faults([4]), { lost: 0, doubled: 0, reordered: 1 })
})

test('offsets far beyond the first are held as well', () => {
  const arrivals = arrivalsOf([5, 300_000])
  assert.equal(arrivals.at(0, 5), 1)
  assert.equal(arrivals.at(0, 300_000), 2)
  assert.equal(arrivals.at(0, 299_999), 0)
})
