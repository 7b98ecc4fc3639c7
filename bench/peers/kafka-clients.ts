// kafkajs as Weir uses it against @platformatic/kafka behind the same port: what reading and writing a message costs, and whether
// the log then has all that was acknowledged. The clients take turns on one broker.
// Usage: kafka-clients.js <messages to read> <messages to write in each batch size>. Prints one line of JSON.
import { readFile } from 'node:fs/promises'
import type { NewRecord } from '../../engine/stream/kafka.ts'
import { sourceOffsetHeader } from '../../engine/stream/outbox.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { KafkaServer } from '../../engine/testing/kafka-server.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { standardTransactions } from '../standard/transactions.ts'
import { TopicEnd } from '../topic-end.ts'
import { tell } from '../variant.ts'
import { KafkajsLog, type LogClient, PlatformaticLog, type Sender } from './log-client.ts'

interface Own {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

const own = JSON.parse(
  await readFile(new URL(import.meta.resolve('#root/package.json')), 'utf8'),
) as Own
const readCount = Number(process.argv[2] ?? '100000')
const writeCount = Number(process.argv[3] ?? '20000')
const partitions = 4
const sendBatches = [64, 256, 1000]
/** Of each client, in turn; the least disturbed one counts. */
const turns = 3
const hastySends = 100
const decisionBytes = 284

const kafka = await KafkaServer.start()
const closers: (() => unknown)[] = []
const owner = { after: (close: () => unknown) => void closers.push(close) }
const topics = await TestTopics.make(owner, partitions, kafka.brokers)
const reader = new PartitionReader(topics.client)
await reader.connect([topics.transactions, topics.decisions])
const clients: Readonly<Record<string, LogClient>> = {
  kafkajs: new KafkajsLog(topics.client),
  platformatic: new PlatformaticLog(kafka.brokers.split(',')),
}
const measures: Record<string, number> = {}
const wrong: string[] = []

await fill()
await compareReading()
await compareWriting()
await compareHaste()
for (const what of ['consume', ...sendBatches.map((size) => `send_at_${size}`)]) {
  const [ours, theirs] = Object.keys(clients).map((name) => measures[`${name}_${what}_cpu_us`]!)
  measures[`platformatic_by_kafkajs_${what}`] = theirs! / ours!
}
await reader.close()
for (const close of closers) await close()
await kafka.stop()
tell({
  measures,
  configuration: {
    kafkajs: `${version('kafkajs')}, with Weir’s repairs and its own encoding of what is sent (engine/stream/kafka-internals.ts)`,
    platformatic: `${version('@platformatic/kafka')}, its stream of messages, values as bytes`,
    broker: `Kafka 4.4.0, one node, ${partitions} partitions`,
    settings:
      'idempotent, acks all, one send in flight a partition, no compression; fetches of at most 2 MiB, waits of 50 ms',
    messages: `read: the standard work’s transactions; written: decisions of ${decisionBytes} B with three headers`,
  },
  void: wrong,
})

async function fill(): Promise<void> {
  const waiting: string[][] = Array.from({ length: partitions }, () => [])
  let taken = 0
  for (const { json } of standardTransactions()) {
    waiting[taken % partitions]!.push(json)
    if (++taken === readCount) break
  }
  for (const [partition, values] of waiting.entries()) await topics.produce(partition, values)
}

async function compareReading(): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, client] of inTurn(turn)) {
      const us = await readAll(client, `${name}-${turn}`)
      if (us !== null) keepLeast(`${name}_consume_cpu_us`, us)
    }
  }
  for (const name of Object.keys(clients)) {
    if (measures[`${name}_consume_cpu_us`] !== undefined) continue
    throw new Error(`${name}: expected messages in several parts, found all ${readCount} at once`)
  }
}

/** CPU-µs a message, from the first that were handed over to the last; null where all were handed over at once. */
async function readAll(client: LogClient, group: string): Promise<number | null> {
  let received = 0
  let first: NodeJS.CpuUsage | null = null
  let counted = 0
  const next = new Array<number>(partitions).fill(0)
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  let used = { user: 0, system: 0 }
  const leave = await client.consume(topics.transactions, group, (messages) => {
    if (first === null) first = process.cpuUsage()
    else counted += messages.length
    for (const { partition, offset, value } of messages) {
      const isNext = offset === next[partition] && value !== null && value.length > 0
      if (!isNext) wrong.push(`${group}: expected ${next[partition]}, found ${offset}`)
      next[partition] = offset + 1
    }
    received += messages.length
    if (received < readCount) return
    used = process.cpuUsage(first)
    end()
  })
  await ended
  await leave()
  return counted === 0 ? null : (used.user + used.system) / counted
}

async function compareWriting(): Promise<void> {
  for (const size of sendBatches) {
    for (let turn = 0; turn < turns; turn++) {
      for (const [name, client] of inTurn(turn)) {
        const before = await endOf(topics.decisions)
        const us = await writeAll(client, size)
        keepLeast(`${name}_send_at_${size}_cpu_us`, us)
        const lost = writeCount - ((await endOf(topics.decisions)) - before)
        measures[`${name}_lost`] = (measures[`${name}_lost`] ?? 0) + lost
        if (lost !== 0)
          wrong.push(`${name}: ${lost} of ${writeCount} acknowledged are not in the log`)
      }
    }
  }
}

/** CPU-µs a message; all partitions at once, one send in flight in each. */
async function writeAll(client: LogClient, size: number): Promise<number> {
  const sender = await client.openSender()
  const records = decisions(size)
  for (let partition = 0; partition < partitions; partition++) await warm(sender, partition)
  const before = process.cpuUsage()
  const each = writeCount / partitions - 1
  const write = async (partition: number): Promise<void> => {
    for (let sent = 0; sent < each; sent += size) {
      await sender.send(topics.decisions, partition, records.slice(0, Math.min(size, each - sent)))
    }
  }
  await Promise.all(Array.from({ length: partitions }, (_, partition) => write(partition)))
  const used = process.cpuUsage(before)
  await sender.close()
  return (used.user + used.system) / (each * partitions)
}

/** Connects, and finds who leads. */
function warm(sender: Sender, partition: number): Promise<void> {
  return sender.send(topics.decisions, partition, decisions(1))
}

/** What must not be done, and why: many sends at once to one partition. How many were acknowledged and are not in the log. */
async function compareHaste(): Promise<void> {
  for (const [name, client] of inTurn(0)) {
    const before = await endOf(topics.decisions)
    const sender = await client.openSender()
    const sends = Array.from({ length: hastySends }, () =>
      sender.send(topics.decisions, 0, decisions(1)),
    )
    const settled = await Promise.allSettled(sends)
    await sender.close()
    const acknowledged = settled.filter(({ status }) => status === 'fulfilled').length
    const written = (await endOf(topics.decisions)) - before
    measures[`${name}_hasty_sends_acknowledged`] = acknowledged
    measures[`${name}_hasty_sends_lost`] = Math.max(0, acknowledged - written)
  }
}

function decisions(count: number): NewRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    key: `t-${String(at).padStart(12, '0')}`,
    value: 'd'.repeat(decisionBytes),
    headers: {
      [sourceOffsetHeader]: String(at),
      'weir-type': 'decision',
      'content-type': 'application/json',
    },
  }))
}

function inTurn(turn: number): [string, LogClient][] {
  const all = Object.entries(clients)
  return turn % 2 === 0 ? all : all.toReversed()
}

function keepLeast(measure: string, us: number): void {
  measures[measure] = Math.min(measures[measure] ?? Number.POSITIVE_INFINITY, us)
}

function endOf(topic: string): Promise<number> {
  return new TopicEnd(reader, topic, partitions).now()
}

/** As the repository pins it: packages do not show their package.json. */
function version(name: string): string {
  const { dependencies, devDependencies } = own
  return `${name} ${{ ...dependencies, ...devDependencies }[name] ?? 'unknown'}`
}
