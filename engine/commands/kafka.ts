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
  const ranges: OffsetRange[] = []
  for (let partition = 0; partition < count; partition++) {
    const { first, end } = await reader.range(input.topic, partition)
    const from = Math.max(first, offsetOf(input.from, partition) ?? first)
    const to = Math.min(end, offsetOf(input.to, partition) ?? end)
    if (from < to) ranges.push({ partition, from, to })
  }
  return new RangeSource(reader, input.topic, ranges, batchRowsMax)
}

function offsetOf(offsets: Offsets | null, partition: number): number | null {
  if (offsets === null || typeof offsets === 'number') return offsets
  return offsets.get(partition) ?? null
}
