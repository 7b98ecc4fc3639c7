// `weir stream` from Kafka to Kafka with journals in Redis, until SIGTERM.
import type { RedisStore } from '../../features/store/redis.ts'
import { makePipeline } from '../assemble.ts'
import { maskedConfig } from '../config.ts'
import { batchRowsMax } from '../core/limits.ts'
import { codeOf, errorKinds } from '../errors.ts'
import { StreamDriver } from '../stream/driver.ts'
import { Lag } from '../stream/lag.ts'
import { MeteredPort } from '../stream/metered-port.ts'
import { PartitionReader } from '../stream/partition-reader.ts'
import { Positions } from '../stream/positions.ts'
import { KafkaSink } from '../stream/sink.ts'
import { KafkaSource, type SourceControl } from '../stream/source.ts'
import { countPartitions, requireFit } from '../stream/topics.ts'
import type { Context } from './command.ts'
import { Handover } from './handover.ts'
import { committedAt, openKafka, withAdmin } from './kafka.ts'
import { openAssembly, openHashKey, tellAbsent } from './open.ts'
import { RunningLineup } from './running-lineup.ts'
import { openStore } from './store.ts'
import { type LabelParts, LabelStream } from './stream-labels.ts'
import { Watch } from './watch.ts'

/** At a stop, leaving the group and closing all connections come on top: in all less than ten seconds. */
const drainMsMax = 4000

interface Engine {
  readonly driver: StreamDriver
  readonly source: KafkaSource
  readonly handover: Handover
  /** Null where there is no topic of labels. */
  readonly labels: LabelStream | null
}

/** What was opened is closed by these, all at once. */
type Closers = (() => Promise<void>)[]

/** Resolves to 0 after a clean stop; rejects when it cannot go on. */
export async function runKafka(context: Context): Promise<number> {
  const { stderr, loaded, log } = context
  const { transactions, decisions, group } = loaded.config.kafka
  const stopping = stopped(context.stop)
  const closers: Closers = []
  let engine: Engine | null = null
  try {
    engine = await Promise.race([open(context, closers), stopping])
    if (engine !== null) {
      const running = engine.driver.run(notingCoverage(engine.source, engine.handover))
      engine.source.start()
      stderr.write(`weir: deciding ${transactions} → ${decisions} (group ${group})\n`)
      const labels = engine.labels?.run() ?? stopping
      await Promise.race([running, labels, stopping])
    }
  } catch (error) {
    log.error({ error }, 'failed')
    throw error
  } finally {
    await Promise.all([engine?.driver.stop(), engine?.labels?.stop()])
    await engine?.handover.close()
    if (engine !== null) closers.push(() => engine!.source.stop())
    await Promise.allSettled(closers.map((close) => close()))
  }
  log.info({ outcomes: engine?.driver.decided ?? 0 }, 'stopped')
  stderr.write(`weir: stopped after ${engine?.driver.decided ?? 0} outcomes\n`)
  return 0
}

async function open(context: Context, closers: Closers): Promise<Engine> {
  const { loaded, log, clock } = context
  const { kafka, budget } = loaded.config
  const hashKey = openHashKey(context, false)
  const assembly = await openAssembly(context, loaded.config.source === null, 'live')
  tellAbsent(assembly, context)
  log.info({ version: assembly.engineVersion, config: maskedConfig(loaded) }, 'starting')
  const watch = await Watch.open(context)
  closers.push(() => watch.close())
  const client = openKafka(loaded.config, log)
  const partitions = await withAdmin(client, (admin) => countPartitions(admin, kafka))
  requireFit(kafka, partitions)
  const reader = new PartitionReader(client)
  closers.push(() => reader.close())
  await reader.connect([kafka.transactions, kafka.decisions])
  const store = await openStore(assembly.plan, kafka.transactions, hashKey, context)
  closers.push(() => store.close())
  const positions = new Positions(reader, kafka, log, (sinceMs) =>
    store.renewHistory(sinceMs ?? clock.nowMs()),
  )
  const deadLetterPartitions = partitions.get(kafka.deadLetters) ?? 1
  const sink = await KafkaSink.open({ client, topics: kafka, positions, deadLetterPartitions, log })
  closers.push(() => sink.close())
  const processor = makePipeline(assembly, {
    store,
    parser: assembly.mapping.parser(),
    hashKey,
    mode: 'stream',
    source: kafka.transactions,
    hasFeatures: loaded.config.decisions.features === 'all',
    clock,
    meter: watch.meter,
    calls: { kept: store.answers(loaded.config.http.horizonMs), log },
    challengersMs: budget.challengersMs,
    log,
  })
  const lineup = await RunningLineup.open(assembly, processor, context)
  closers.push(() => lineup.close())
  const handover = new Handover({
    topic: kafka.transactions,
    coverage: store.coverage(),
    losses: () => store.stats().losses,
    positions,
    reader,
    pipeline: processor,
    log,
  })
  const driver = new StreamDriver({
    processor,
    port: new MeteredPort(sink, watch.meter),
    resumeAt: async (partition) =>
      (await positions.resumeAt(partition)) ?? (await committedAt(client, kafka, partition)),
    prepare: (assigned, isOpen) => handover.prepare(assigned, isOpen),
    onAssigned: (assigned) => {
      log.info({ partitions: assigned }, 'partitions assigned')
    },
    isRetriable: (error) => errorKinds[codeOf(error)].isRetriable,
    batchMax: budget.batchMax,
    backlogBatchMax: batchRowsMax,
    outboxMax: kafka.outboxMax,
    orderWaitMs: kafka.orderWaitMs,
    sendBatchMax: kafka.sendBatchMax,
    commitIntervalMs: kafka.commitIntervalMs,
    // Whoever must leave partitions does so before its session ends.
    drainMsMax: Math.min(drainMsMax, kafka.sessionTimeoutMs / 2),
    clock,
    log,
  })
  const lag = new Lag({
    range: (partition) => reader.range(kafka.transactions, partition),
    next: () => driver.backlog().next,
  })
  watch.engine({
    store: () => store.stats(),
    backlog: () => driver.backlog(),
    lag: () => lag.measure(),
    isReady: () => driver.isReady,
    models: lineup,
  })
  const source = new KafkaSource(client, kafka, kafka.transactions, positions, driver, log, clock)
  const labels =
    kafka.labels === ''
      ? null
      : await openLabels(
          { client, reader, assembly, hashKey, deadLetterPartitions },
          watch,
          context,
        )
  if (labels !== null) closers.push(() => labels.store.close())
  return { driver, source, handover, labels: labels?.stream ?? null }
}

/** Views of labels are not asked for: hardly anything needs to be held. */
const labelHeldBytes = 2 ** 24

async function openLabels(
  parts: Omit<LabelParts, 'store' | 'meter' | 'drainMsMax'>,
  watch: Watch,
  context: Context,
): Promise<{ readonly stream: LabelStream; readonly store: RedisStore }> {
  const { labels } = context.loaded.config.kafka
  const { plan } = parts.assembly
  const store = await openStore(plan, labels, parts.hashKey, context, labelHeldBytes)
  try {
    const stream = await LabelStream.open(
      { ...parts, store, meter: watch.meter, drainMsMax },
      context,
    )
    return { stream, store }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Behind each commit stands what the journals have as well. */
function notingCoverage(source: KafkaSource, handover: Handover): SourceControl {
  return {
    pause: (partitions) => {
      source.pause(partitions)
    },
    resume: (partitions) => {
      source.resume(partitions)
    },
    commit: async (offsets) => {
      const [isCommitted] = await Promise.all([
        source.commit(offsets),
        handover.acknowledged(offsets),
      ])
      return isCommitted
    },
  }
}

/** Resolves to nothing at the stop. */
function stopped(signal: AbortSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null)
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve(null)
      },
      { once: true },
    )
  })
}
