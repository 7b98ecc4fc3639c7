// The echo: a null engine, in a process of its own. The stream of Weir with its client, its settings and its way of sending,
// from Kafka to a decision topic, which decides nothing: what stands under everything that Weir can do on a machine.
import { systemClock } from '../../engine/clock.ts'
import { loadConfig } from '../../engine/config.ts'
import { batchRowsMax } from '../../engine/core/limits.ts'
import type { Message, Outcome } from '../../engine/core/ports.ts'
import { StreamDriver } from '../../engine/stream/driver.ts'
import { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { Positions } from '../../engine/stream/positions.ts'
import { KafkaSink } from '../../engine/stream/sink.ts'
import { KafkaSource } from '../../engine/stream/source.ts'
import { answer, settingsOf } from './asked-process.ts'
import { openClient } from './client.ts'

export interface EchoSettings {
  readonly brokers: string
  readonly transactions: string
  readonly decisions: string
  readonly deadLetters: string
  /** Of each outcome: as many as Weir's decisions have. */
  readonly bytes: number
}

export type EchoQuestions = { close: [null, null] }

const { brokers, bytes, ...topics } = settingsOf() as EchoSettings
const { kafka, budget } = loadConfig({ file: null, environment: {}, folder: '/' }).config
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const client = openClient(brokers, 'bench-echo')
const reader = new PartitionReader(client)
await reader.connect([topics.transactions, topics.decisions])
const positions = new Positions(reader, topics, silent)
const sink = await KafkaSink.open({
  client,
  topics,
  positions,
  deadLetterPartitions: 1,
  log: silent,
})
const value = JSON.stringify({ filler: 'x'.repeat(Math.max(0, bytes - 13)) })
const driver = new StreamDriver({
  processor: { process: (messages) => Promise.resolve(messages.map(echoed)) },
  port: sink,
  resumeAt: (partition) => positions.resumeAt(partition),
  prepare: () => Promise.resolve(),
  onAssigned: () => undefined,
  isRetriable: () => false,
  batchMax: budget.batchMax,
  backlogBatchMax: batchRowsMax,
  outboxMax: kafka.outboxMax,
  orderWaitMs: kafka.orderWaitMs,
  sendBatchMax: kafka.sendBatchMax,
  commitIntervalMs: kafka.commitIntervalMs,
  drainMsMax: 1000,
  clock: systemClock,
  log: silent,
})
const options = { ...kafka, group: topics.transactions }
const source = new KafkaSource(
  client,
  options,
  topics.transactions,
  positions,
  driver,
  silent,
  systemClock,
)
void driver.run(source)
source.start()

answer<EchoQuestions>({
  close: async () => {
    await driver.stop()
    await source.stop()
    await sink.close()
    await reader.close()
    return null
  },
})

function echoed({ partition, offset, key }: Message): Outcome {
  return {
    type: 'decision',
    partition,
    offset,
    outcome: 'approve',
    rung: 'full',
    earlier: 'nobody',
    key: key === null ? null : Buffer.from(key).toString(),
    value,
    traceparent: null,
    reject: null,
    source: null,
  }
}
