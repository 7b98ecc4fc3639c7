// What commands need of Kafka, from the configuration.
import { readFileSync } from 'node:fs'
import type { Config } from '../config.ts'
import { batchRowsMax } from '../core/limits.ts'
import type { Log, Source } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { type Admin, asEngineError, KafkaClient, type SASLOptions } from '../stream/kafka.ts'
import { PartitionReader } from '../stream/partition-reader.ts'
import { type OffsetRange, RangeSource } from '../stream/range-source.ts'
import type { Input, Offsets } from './input.ts'

export function openKafka({ kafka }: Config, log: Log): KafkaClient {
  const { brokers, clientId, requestTimeoutMs, ssl, sasl } = kafka
  const read = (file: string | null): string | undefined =>
    file === null ? undefined : readFileSync(file, 'utf8')
  return new KafkaClient({
    brokers,
    clientId,
    requestTimeoutMs,
    ssl: ssl.enabled ? { ca: read(ssl.ca), cert: read(ssl.certificate), key: read(ssl.key) } : null,
    sasl:
      sasl.mechanism === 'none'
        ? null
        : ({
            mechanism: sasl.mechanism,
            username: sasl.username,
            password: sasl.password ?? '',
          } as SASLOptions),
    log,
  })
}

/** Asks the brokers. Rejects with EngineError. */
export async function withAdmin<T>(
  client: KafkaClient,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = client.admin()
  try {
    await admin.connect()
    return await work(admin)
  } catch (cause) {
    throw asEngineError('asking the brokers', cause)
  } finally {
    await admin.disconnect()
  }
}

/** Where the group reads a partition on; null where it never committed. Rejects with EngineError. */
export async function committedAt(
  client: KafkaClient,
  { group, transactions }: Config['kafka'],
  partition: number,
): Promise<number | null> {
  const asked = { groupId: group, topics: [transactions] }
  const [answer] = await withAdmin(client, (admin) => admin.fetchOffsets(asked))
  const offset = Number(answer?.partitions.find((one) => one.partition === partition)?.offset ?? -1)
  return offset < 0 ? null : offset
}

/** A range of a topic as a source. Rejects with EngineError where it is not there. */
export async function openRange(input: TopicInput, config: Config, log: Log): Promise<Source> {
  const { reader, ranges } = await openTopic(input, config, log)
  const wanted = ranges.filter(({ from, to }) => from < to)
  return new RangeSource(reader, input.topic, wanted, batchRowsMax)
}

export type TopicInput = Extract<Input, { kind: 'topic' }>

/** A range that was asked for, and which offsets its partition has. */
export interface AskedRange extends OffsetRange {
  readonly first: number
  readonly end: number
}

/** A reader of a topic, the caller's to close, and the range of each partition, empty ones too. Rejects like `openRange`. */
export async function openTopic(
  input: TopicInput,
  config: Config,
  log: Log,
): Promise<{ readonly reader: PartitionReader; readonly ranges: AskedRange[] }> {
  const client = openKafka(config, log)
  const count = await withAdmin(client, async (admin) => {
    const topics = await admin.listTopics()
    if (!topics.includes(input.topic)) {
      throw new EngineError('topic_unfit', `${input.topic}: expected a topic, found none`)
    }
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [input.topic] })
    return found[0]?.partitions.length ?? 0
  })
  const reader = new PartitionReader(client)
  await reader.connect([input.topic])
  try {
    return { reader, ranges: await readRanges(input, reader, count) }
  } catch (error) {
    await reader.close()
    throw error
  }
}

/** The ranges that were asked for. Throws EngineError `input_invalid` for those that the topic does not have. */
async function readRanges(
  { topic, from, to }: TopicInput,
  reader: PartitionReader,
  count: number,
): Promise<AskedRange[]> {
  const faults: string[] = []
  for (const partition of [...partitionsOf(from), ...partitionsOf(to)]) {
    if (partition < count) continue
    faults.push(`${topic}: expected partitions 0 to ${count - 1}, found ${partition}`)
  }
  const ranges: AskedRange[] = []
  for (let partition = 0; partition < count; partition++) {
    const { first, end } = await reader.range(topic, partition)
    const range = {
      partition,
      first,
      end,
      from: Math.max(first, offsetOf(from, partition) ?? first),
      to: Math.min(end, offsetOf(to, partition) ?? end),
    }
    ranges.push(range)
    if (range.from > end) {
      faults.push(`${topic}/${partition}: expected --from of at most ${end}, found ${range.from}`)
    }
  }
  if (faults.length > 0) throw new EngineError('input_invalid', faults.join('; '))
  return ranges
}

function partitionsOf(offsets: Offsets | null): Iterable<number> {
  return offsets === null || typeof offsets === 'number' ? [] : offsets.keys()
}

function offsetOf(offsets: Offsets | null, partition: number): number | null {
  if (offsets === null || typeof offsets === 'number') return offsets
  return offsets.get(partition) ?? null
}
