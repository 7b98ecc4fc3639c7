// Rows for tests of stores: batches with records of a known layout, plans with hops that are plain sums, and a reader of views.
import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import { blockRecords, hopBoundary, type JournalPlan, type JournalPlans } from '../journal.ts'
import { Observation } from '../observation.ts'
import type { Store } from '../store/store.ts'
import { View } from '../view.ts'

/** One transaction as a store sees it. Entities are ids by kind; `content` is what the fingerprint is of. */
export interface TestRow {
  readonly tenant?: string
  readonly partition: number
  readonly offset: number
  readonly timeMs: number
  readonly id: string
  readonly content?: string
  readonly entities: readonly (string | null)[]
}

export interface TestKind {
  readonly kind: string
  readonly width: number
  readonly cap: number
  readonly hopFloats: number
}

export const kinds: readonly TestKind[] = [
  { kind: 'card', width: 48, cap: 8, hopFloats: 3 },
  { kind: 'merchant', width: 32, cap: 4, hopFloats: 2 },
  { kind: 'device', width: 40, cap: 512, hopFloats: 1 },
  { kind: 'ip', width: 16, cap: 16, hopFloats: 0 },
]

export function plansOf(namespace: string, of: readonly TestKind[] = kinds): JournalPlans {
  return { namespace, primary: 0, journals: of.map((kind, at) => planOf(kind, at === 0)) }
}

/** Hops: how many records, then sums of words of their identities. */
function planOf(kind: TestKind, isPrimary: boolean): JournalPlan {
  return {
    ...kind,
    isPrimary,
    clearHops: (hops) => {
      hops.fill(0)
    },
    addToHops: (hops, data, start, count) => {
      for (let record = 0; record < count; record++) {
        hops[0]! += 1
        const at = start + record * kind.width
        if (kind.hopFloats > 1) hops[1]! += data.getUint32(at + 8, true)
        if (kind.hopFloats > 2) hops[2]! += data.getUint32(at + 12, true)
      }
    },
    // The sum of words tells whether a block is of the records that it should be of.
    blockFloats: kind.hopFloats > 0 ? 1 : 0,
    sumBlock: (data, start, blocks, at) => {
      blocks[at] = 0
      for (let record = 0; record < blockRecords; record++) {
        blocks[at] += data.getUint32(start + record * kind.width + 8, true)
      }
    },
    runningBytes: () => 0,
  }
}

export function batchOf(plans: JournalPlans, rowMax = 64): Observation {
  const stride = Math.max(...plans.journals.map((plan) => plan.width))
  return new Observation(rowMax, plans.journals.length, stride)
}

export function fill(batch: Observation, plans: JournalPlans, rows: readonly TestRow[]): void {
  assert(rows.length <= batch.rowMax)
  batch.count = rows.length
  for (const [row, test] of rows.entries()) {
    batch.tenant[row] = test.tenant ?? 'default'
    batch.partition[row] = test.partition
    batch.offset[row] = test.offset
    batch.timeMs[row] = test.timeMs
    for (const entity of plans.journals.keys()) {
      const slot = row * batch.entityCount + entity
      const id = test.entities[entity] ?? null
      batch.present[slot] = id === null ? 0 : 1
      if (id === null) continue
      batch.key.set(wordsOf(`${plans.journals[entity]!.kind}:${id}`), slot * 4)
      const record = recordOf(test, plans.journals[entity]!)
      batch.records.set(record, slot * batch.recordStride)
    }
  }
}

/** The record that a row leaves in a journal. */
export function recordOf(row: TestRow, plan: JournalPlan): Buffer {
  const record = Buffer.alloc(64)
  record.writeDoubleLE(row.timeMs, 0)
  digest(`${row.entities[0]}:${row.id}`).copy(record, 8, 0, 8)
  digest(row.content ?? row.id).copy(record, 16, 0, 8)
  if (row.partition < 0) {
    record.fill(0xff, 24, 32)
  } else {
    record.writeUInt16LE(row.partition, 24)
    record.writeUIntLE(row.offset, 26, 6)
  }
  digest(JSON.stringify(row)).copy(record, 32)
  return record.subarray(0, plan.width)
}

export function wordsOf(text: string): Uint32Array {
  const bytes = digest(text)
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 16))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** What a view shows: sums before c(n), bytes from there on. */
export interface Shown {
  readonly hops: readonly number[] | null
  readonly bytes: string
}

/** Reads a view as fold does, and holds a cached sum against the one it stands for. */
export function show(store: Store, batch: Observation, plans: JournalPlans, slot: number): Shown {
  const plan = plans.journals[slot % batch.entityCount]!
  const view = new View()
  const ordinal = batch.ordinal[slot]!
  store.view(batch.handle[slot]!, ordinal, view)
  const boundary = hopBoundary(ordinal, plan.cap)
  assert.equal(view.ordinal, ordinal)
  assert(view.base <= boundary)
  assert.equal(view.hops === null, view.base === 0)
  const hops = new Float64Array(plan.hopFloats)
  plan.clearHops(hops)
  if (view.hops !== null) hops.set(view.hops)
  plan.addToHops(hops, view.data, view.start, plan.hopFloats > 0 ? boundary - view.base : 0)
  if (view.hopsThrough === boundary && view.hopsCached !== null) {
    assert.deepEqual([...view.hopsCached], [...hops])
  }
  const start = view.data.byteOffset + view.start + (boundary - view.base) * plan.width
  const bytes = Buffer.from(view.data.buffer, start, (ordinal - boundary) * plan.width)
  return { hops: boundary === 0 ? null : [...hops], bytes: bytes.toString('hex') }
}
