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

/** A range of a topic as a source. Rejects with EngineError where it is not there. */
export async function openRange(
  input: Extract<Input, { kind: 'topic' }>,
  config: Config,
  log: Log,
): Promise<Source> {
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
    const ranges = await readRanges(input, reader, count)
    return new RangeSource(reader, input.topic, ranges, batchRowsMax)
  } catch (error) {
    await reader.close()
    throw error
  }
}

/** The ranges that were asked for. Throws EngineError `input_invalid` for those that the topic does not have. */
async function readRanges(
  { topic, from, to }: Extract<Input, { kind: 'topic' }>,
  reader: PartitionReader,
  count: number,
): Promise<OffsetRange[]> {
  const faults: string[] = []
  for (const partition of [...partitionsOf(from), ...partitionsOf(to)]) {
    if (partition < count) continue
    faults.push(`${topic}: expected partitions 0 to ${count - 1}, found ${partition}`)
  }
  const ranges: OffsetRange[] = []
  for (let partition = 0; partition < count; partition++) {
    const { first, end } = await reader.range(topic, partition)
    const range = {
      partition,
      from: Math.max(first, offsetOf(from, partition) ?? first),
      to: Math.min(end, offsetOf(to, partition) ?? end),
    }
    if (range.from < range.to) ranges.push(range)
    else if (range.from > end) {
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
