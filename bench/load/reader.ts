// The reader, a process of its own that belongs to no engine: follows decision topics, notes when each outcome was there, and
// afterwards pairs it with when its transaction was due, which it reads from the transaction itself.
import { sourceOffsetHeader } from '../../engine/stream/outbox.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { Arrivals } from './arrivals.ts'
import { answer, settingsOf } from './asked-process.ts'
import { openClient } from './client.ts'
import { TopicFollower } from './follower.ts'
import { intendedHeader, readIntended } from './intended.ts'
import { lagSamples, slopeOf } from './lag.ts'
import { LatencyHistogram } from './latencies.ts'
import { nowNs } from './pacing.ts'
import type { Pair, ReaderQuestions, ReaderSettings, Seen, Span } from './reader-questions.ts'
import { verify } from './verification.ts'

const { brokers, partitions } = settingsOf() as ReaderSettings
const client = openClient(brokers, 'bench-reader')
const followed = new Map<string, Arrivals>()
let failure: unknown = null
const lagStepNs = 50e6
const waitStepMs = 5
const fetchBytes = 2 ** 22

answer<ReaderQuestions>({
  follow: async ({ decisions }) => {
    const arrivals = new Arrivals(partitions)
    followed.set(decisions, arrivals)
    await TopicFollower.start(
      client,
      decisions,
      partitions,
      (partition, records, arrivedNs) => {
        for (const { headers } of records) {
          arrivals.add(partition, Number(headers[sourceOffsetHeader]), arrivedNs)
        }
      },
      (error) => {
        failure = error
      },
    )
    return null
  },
  wait: async ({ pair, ends, msMax }) => {
    const arrivals = arrivalsOf(pair)
    for (const untilNs = nowNs() + msMax * 1e6; !arrivals.has(ends); ) {
      if (failure !== null) throw failure as Error
      if (nowNs() > untilNs) return false
      await new Promise((resolve) => setTimeout(resolve, waitStepMs))
    }
    return true
  },
  measure: async (span) => measure(span, await dueTimes(span)),
  verify: (verification) =>
    withReader([verification.pair], (reader) => verify(reader, verification, partitions)),
})

interface Due {
  readonly partition: number
  readonly offset: number
  readonly ns: number
}

function measure({ pair, ends, fromNs, toNs }: Span, due: readonly Due[]): Seen {
  const arrivals = arrivalsOf(pair)
  const histogram = new LatencyHistogram()
  const seenNs = Float64Array.from(due, ({ partition, offset }) => arrivals.at(partition, offset))
  let dueWithin = 0
  let seenWithin = 0
  for (const [at, { ns }] of due.entries()) {
    const seen = seenNs[at]!
    if (seen >= fromNs && seen < toNs) seenWithin++
    if (ns < fromNs || ns >= toNs) continue
    dueWithin++
    // What never came took at least until now.
    histogram.record((seen === 0 ? nowNs() : seen) - ns)
  }
  const dueNs = Float64Array.from(due, ({ ns }) => ns)
  const lag = lagSamples(dueNs, seenNs, fromNs, toNs, lagStepNs)
  return {
    ...arrivals.faults(ends),
    latencies: histogram.summary(),
    seenWithin,
    dueWithin,
    lag,
    lagSlopePerSecond: slopeOf(lag),
  }
}

async function dueTimes({ pair, firsts, ends }: Span): Promise<Due[]> {
  const due: Due[] = []
  await withReader([pair], async (reader) => {
    for (let partition = 0; partition < partitions; partition++) {
      for (let at = firsts[partition]!; at < ends[partition]!; ) {
        const { records, next } = await reader.fetch(pair.transactions, partition, at, fetchBytes)
        for (const { offset, headers } of records) {
          due.push({ partition, offset, ns: readIntended(headers[intendedHeader]) })
        }
        at = next
      }
    }
  })
  return due
}

async function withReader<T>(
  pairs: readonly Pair[],
  work: (reader: PartitionReader) => Promise<T>,
): Promise<T> {
  const reader = new PartitionReader(client)
  try {
    await reader.connect(pairs.flatMap(({ transactions, decisions }) => [transactions, decisions]))
    return await work(reader)
  } finally {
    await reader.close()
  }
}

function arrivalsOf({ decisions }: Pair): Arrivals {
  const arrivals = followed.get(decisions)
  if (arrivals === undefined) throw new Error(`${decisions} is not followed`)
  return arrivals
}
