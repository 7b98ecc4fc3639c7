// The generator, a process of its own: sends transactions when a schedule says that they are due, whatever became of those
// before, each with its due time in a header. It never waits for an answer, and tells how late it was itself.
import type { ProducedRecord } from '../../engine/stream/produce-request.ts'
import { answer, settingsOf } from './asked-process.ts'
import type { GeneratorQuestions, GeneratorSettings, Sent } from './generator-questions.ts'
import { intendedBytes, intendedHeader } from './intended.ts'
import { type Latencies, LatencyHistogram } from './latencies.ts'
import { nowNs, sleepUntil } from './pacing.ts'
import { schedule } from './schedule.ts'
import { TopicWriter } from './topic-writer.ts'
import { type Sendable, traffic } from './traffic.ts'

const { broker, partitions, ...settings } = settingsOf() as GeneratorSettings
const stream = traffic(settings.traffic, partitions)
const writers = new Map<string, TopicWriter>()

/** Records of a request while a topic is filled, and requests under way. */
const fillRecords = 500
const fillOpenMax = 4
/** Between the schedule's making and its beginning. */
const leadNs = 20e6

answer<GeneratorQuestions>({
  fill: async ({ topic, count }) => {
    const writer = await writerOf(topic)
    const sent = new Array<number>(partitions).fill(0)
    for (let left = count; left > 0; left -= fillRecords) {
      const some = take(Math.min(left, fillRecords))
      const now = nowNs()
      writer.send(
        group(some, () => now, sent),
        Date.now(),
      )
      await writer.settled(fillOpenMax)
    }
    await writer.settled()
    return { sent }
  },
  run: async ({ topic, phases, shape, seed, groupUs }) => {
    const writer = await writerOf(topic)
    const due = schedule(phases, shape, seed)
    const records = take(due.length)
    const sent = new Array<number>(partitions).fill(0)
    const late = new LatencyHistogram()
    const usage = process.cpuUsage()
    const beganNs = nowNs() + leadNs
    for (let first = 0, notBefore = 0; first < due.length; ) {
      const now = sleepUntil(beganNs + Math.max(due[first]!, notBefore))
      let end = first + 1
      while (end < due.length && beganNs + due[end]! <= now) end++
      const dueNs = (at: number): number => beganNs + due[first + at]!
      writer.send(group(records.slice(first, end), dueNs, sent), Date.now())
      const handedNs = nowNs()
      for (let at = first; at < end; at++) late.record(handedNs - beganNs - due[at]!)
      first = end
      notBefore = handedNs - beganNs + groupUs * 1000
      // The connection is read and written between two requests.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const cpu = process.cpuUsage(usage)
    await writer.settled()
    const lateness: Latencies = late.summary()
    const cpuUs = cpu.user + cpu.system
    return { sent, beganNs, endedNs: nowNs(), late: lateness, cpuUs } satisfies Sent
  },
})

function group(
  records: readonly Sendable[],
  dueNs: (at: number) => number,
  sent: number[],
): Map<number, ProducedRecord[]> {
  const byPartition = new Map<number, ProducedRecord[]>()
  for (const [at, { partition, key, value }] of records.entries()) {
    const record = { key, value, headers: { [intendedHeader]: intendedBytes(dueNs(at)) } }
    sent[partition]!++
    const some = byPartition.get(partition)
    if (some === undefined) byPartition.set(partition, [record])
    else some.push(record)
  }
  return byPartition
}

function take(count: number): Sendable[] {
  const taken: Sendable[] = []
  while (taken.length < count) {
    const { value, done } = stream.next()
    if (done === true) throw new Error(`expected ${count} more transactions, found ${taken.length}`)
    taken.push(value)
  }
  return taken
}

async function writerOf(topic: string): Promise<TopicWriter> {
  const writer = writers.get(topic) ?? (await TopicWriter.open(broker, topic))
  writers.set(topic, writer)
  return writer
}
