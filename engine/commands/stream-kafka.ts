// `weir stream` from Kafka to Kafka with journals in Redis, until SIGTERM.
import type { Store } from '../../features/store/store.ts'
import { makePipeline } from '../assemble.ts'
import { maskedConfig } from '../config.ts'
import { batchRowsMax } from '../core/limits.ts'
import { codeOf, EngineError, errorKinds } from '../errors.ts'
import { StreamDriver } from '../stream/driver.ts'
import { Lag, type LagParts } from '../stream/lag.ts'
import { MeteredPort } from '../stream/metered-port.ts'
import { KafkaSink } from '../stream/sink.ts'
import { KafkaSource } from '../stream/source.ts'
import { countPartitions, requireFit } from '../stream/topics.ts'
import type { Context } from './command.ts'
import { openKafka } from './kafka.ts'
import { openAssembly, openHashKey, tellAbsent } from './open.ts'
import { openStore } from './store.ts'
import { Watch, type WatchedEngine } from './watch.ts'

const stopMsMax = 9000

/** Resolves to 0 after a clean stop; rejects when it cannot go on. */
export async function runKafka(context: Context): Promise<number> {
  const watch = await Watch.open(context)
  try {
    return await decideAll(context, watch)
  } catch (error) {
    context.log.error({ error }, 'failed')
    throw error
  } finally {
    await watch.close()
  }
}

async function decideAll(context: Context, watch: Watch): Promise<number> {
  const { loaded, log, stderr, clock } = context
  const { kafka, budget } = loaded.config
  const hashKey = openHashKey(context, false)
  const assembly = await openAssembly(context, loaded.config.source === null, 'live')
  tellAbsent(assembly, context)
  log.info({ version: assembly.engineVersion, config: maskedConfig(loaded) }, 'starting')
  const client = openKafka(loaded.config, log)
  const admin = client.admin()
  await admin.connect()
  const partitions = await countPartitions(admin, kafka)
  await admin.disconnect()
  requireFit(kafka, partitions)
  const reader = client.reader()
  await reader.connect([kafka.transactions, kafka.decisions])
  const store = await openStore(assembly.plan, kafka.transactions, hashKey, context)
  const sink = await KafkaSink.open(
    client,
    kafka,
    reader,
    partitions.get(kafka.deadLetters) ?? 1,
    log,
  )
  const pipeline = makePipeline(assembly, {
    store,
    parser: assembly.mapping.parser(),
    hashKey,
    mode: 'stream',
    source: kafka.transactions,
    clock,
    meter: watch.meter,
  })
  const driver = new StreamDriver({
    processor: pipeline,
    port: new MeteredPort(sink, watch.meter),
    lastSourceOffset: (partition) => sink.lastSourceOffset(partition),
    checkPosition: async (partition, next) => {
      const { end } = await reader.range(kafka.transactions, partition)
      if (next <= end) return
      throw new EngineError(
        'topic_unfit',
        `${kafka.transactions}/${partition}: expected at least ${next} messages, as ${kafka.decisions} answers, found ${end}: was the topic made anew? Then use a new decisions topic`,
      )
    },
    onAssigned: (assigned) => {
      log.info({ partitions: assigned }, 'partitions assigned')
    },
    isRetriable: (error) => errorKinds[codeOf(error)].isRetriable,
    batchMax: budget.batchMax,
    backlogBatchMax: batchRowsMax,
    outboxMax: kafka.outboxMax,
    commitIntervalMs: kafka.commitIntervalMs,
    clock,
    log,
  })
  const source = new KafkaSource(client, kafka, kafka.transactions, driver, log)
  const rangeOf = (partition: number) => reader.range(kafka.transactions, partition)
  watch.engine(watched(store, driver, rangeOf))
  const running = driver.run(source)
  await source.start()
  stderr.write(`weir: deciding ${kafka.transactions} → ${kafka.decisions} (group ${kafka.group})\n`)
  try {
    await Promise.race([running, stopped(context.stop)])
  } finally {
    const limit = setTimeout(() => {
      log.error({}, 'stopping took too long')
      process.exit(1)
    }, stopMsMax)
    await driver.stop()
    await source.stop().catch(() => undefined)
    await sink.close().catch(() => undefined)
    await reader.close().catch(() => undefined)
    await store.close().catch(() => undefined)
    await assembly.model?.close()
    clearTimeout(limit)
  }
  log.info({ outcomes: driver.decided }, 'stopped')
  stderr.write(`weir: stopped after ${driver.decided} outcomes\n`)
  return 0
}

function watched(store: Store, driver: StreamDriver, range: LagParts['range']): WatchedEngine {
  const lag = new Lag({ range, next: () => driver.backlog().next })
  return {
    store: () => store.stats(),
    backlog: () => driver.backlog(),
    lag: () => lag.measure(),
    isReady: () => driver.isReady,
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve()
      },
      { once: true },
    )
  })
}
