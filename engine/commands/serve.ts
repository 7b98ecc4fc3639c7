// `weir serve`: the sidecar. Answers calls over HTTP with journals in Redis, or in memory where none is configured, until
// SIGTERM.
import { once } from 'node:events'
import { AnswerSeal } from '../../features/answer.ts'
import { DocumentError } from '../../features/document.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import type { Store } from '../../features/store/store.ts'
import { Intake } from '../api/intake.ts'
import { KeptAnswers } from '../api/kept-answers.ts'
import { OpeningStore } from '../api/opening-store.ts'
import { dispatch } from '../api/routes.ts'
import { ApiServer } from '../api/server.ts'
import { Sidecar } from '../api/sidecar.ts'
import { type Assembled, type Assembly, makePipeline } from '../assemble.ts'
import { maskedConfig } from '../config.ts'
import { DirectIntake } from '../core/intake.ts'
import type { Answers } from '../core/ports.ts'
import { EngineError } from '../errors.ts'
import { KafkaOutflow } from '../stream/outflow.ts'
import { countPartitions } from '../stream/topics.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { type CommandLine, type Context, type Run, sharedFlags } from './command.ts'
import { openKafka, withAdmin } from './kafka.ts'
import { journalBytesMax, openAssembly, openHashKey, tellAbsent } from './open.ts'
import { RunningLineup } from './running-lineup.ts'
import { openStore } from './store.ts'

/** Everything is in the configuration. */
export type ServeOptions = Readonly<Record<string, never>>

const stopMsMax = 9000
/** Of it, for closing connections once all is said; what the calls leave of the rest is for Kafka. */
const closeMsMax = 2000
/** How long a start waits to hear that the topic is there. */
const topicMsMax = 5000
const bodyBytesMax = 1024 * 1024
/** What decisions call the source of calls. */
const source = 'calls'

export const serveLine: CommandLine<ServeOptions> = {
  name: 'serve',
  summary: 'the sidecar: HTTP calls → decisions, each by its deadline',
  details:
    'Answers POST /v1/decisions on a port and, where http.socket is set, on a Unix socket, until SIGTERM. Journals and answers are ' +
    'in Redis when redis.url (or REDIS_URL) is set, else in the memory of this process.',
  flags: [
    sharedFlags.map,
    sharedFlags.catalog,
    sharedFlags.model,
    sharedFlags.policy,
    {
      form: '--host <host>',
      help: 'address to listen on (overrides http.host)',
      setting: 'http.host',
    },
    {
      form: '--port <port>',
      help: 'port to listen on (overrides http.port)',
      setting: 'http.port',
    },
    {
      form: '--socket <path>',
      help: 'Unix socket to listen on too (overrides http.socket)',
      setting: 'http.socket',
    },
  ],
  examples: [
    'weir serve',
    'REDIS_URL=redis://redis:6379 weir serve --map mapping.yaml --socket /run/weir/weir.sock',
  ],
  parse: () => ({}),
  next: () => null,
}

export const runServe: Run<ServeOptions> = async (_, context) => {
  const { loaded, log, stderr, stop, clock } = context
  const { http } = loaded.config
  const assembly = await openAssembly(context, loaded.config.source === null, 'live')
  requireJson(assembly, loaded.config.source)
  tellAbsent(assembly, context)
  log.info({ version: assembly.engineVersion, config: maskedConfig(loaded) }, 'starting')
  const isShared = isRedisSet(context) || loaded.config.kafka.brokers.length > 0
  const hashKey = openHashKey(context, !isShared)
  const outflow = await openOutflow(hashKey, context)
  const journals = await openJournals(assembly, hashKey, context)
  const { store } = journals
  const parts = await assembleSidecar(assembly, journals, outflow, hashKey, context)
  const { serving, sidecar, drain, lineup } = parts
  const server = new ApiServer({
    answer: (request) => dispatch(serving, request),
    requestMsMax: http.requestTimeoutMs,
    onFailure: (error) => {
      log.error({ error }, 'a request failed')
    },
  })
  try {
    const places = [await server.listen({ host: http.host, port: http.port })]
    if (http.socket !== null) places.push(await server.listen({ socket: http.socket }))
    stderr.write(`weir: answering on ${places.join(' and ')}\n`)
    if (!stop.aborted) await once(stop, 'abort')
  } finally {
    const stopBeganUs = clock.monotonicUs()
    const limit = setTimeout(() => {
      log.error({}, 'stopping took too long')
      process.exit(1)
    }, stopMsMax)
    await Promise.all([server.close(), drain()])
    const leftMs = stopMsMax - closeMsMax - (clock.monotonicUs() - stopBeganUs) / 1000
    const unsent = (await outflow?.close(leftMs)) ?? 0
    if (unsent > 0) log.error({ unsent }, 'calls were answered and never came to Kafka')
    await store.close().catch(() => undefined)
    await lineup.close()
    clearTimeout(limit)
  }
  const { calls, standIns, shed, uncounted } = sidecar.stats
  log.info({ calls, standIns, shed, uncounted }, 'stopped')
  stderr.write(
    `weir: stopped after ${calls} calls: ${standIns} stand-ins (${uncounted} not counted), ${shed} refused\n`,
  )
  return 0
}

interface Journals {
  readonly store: Store
  /** Null where no other process gives answers. */
  readonly shared: Answers | null
}

/** In Redis, which may be away, or in memory, which is said. */
async function openJournals(
  { plan }: Assembly,
  hashKey: Uint8Array,
  context: Context,
): Promise<Journals> {
  const { loaded, log, stderr } = context
  if (!isRedisSet(context)) {
    stderr.write(
      'weir: no redis.url is set: journals and answers are in memory, for this process alone\n',
    )
    return { store: new MemoryStore(plan, { bytesMax: journalBytesMax }), shared: null }
  }
  const opening = await OpeningStore.open(async () => {
    const store = await openStore(plan, loaded.config.kafka.transactions, hashKey, context)
    return { store, answers: store.answers(loaded.config.http.horizonMs) }
  }, log)
  if (!opening.isOpen) {
    stderr.write('weir: Redis is away: decisions stand in until it is there\n')
  }
  return { store: opening, shared: opening }
}

/**
 * The way to the transaction topic; null without brokers. Brokers that are away are waited for while calls are answered. A
 * topic that is not there is refused at once: throws EngineError.
 */
async function openOutflow(hashKey: Uint8Array, context: Context): Promise<KafkaOutflow | null> {
  const { loaded, log, stderr } = context
  const { kafka, http } = loaded.config
  if (kafka.brokers.length === 0) return null
  const client = openKafka(loaded.config, log)
  const topic = kafka.transactions
  const count = async (): Promise<number> => {
    const partitions = await withAdmin(client, (admin) => countPartitions(admin, kafka))
    const found = partitions.get(topic) ?? null
    if (found === null) {
      throw new EngineError('topic_unfit', `${topic}: expected a topic, found none`)
    }
    return found
  }
  const counted = await Promise.race([
    count().catch((error: unknown) => {
      if (error instanceof EngineError && !error.isRetriable) throw error
      return null
    }),
    new Promise<null>((resolve) => setTimeout(resolve, topicMsMax, null).unref()),
  ])
  stderr.write(
    counted === null
      ? `weir: Kafka is away: calls wait in memory for ${topic}\n`
      : `weir: calls go to ${topic}\n`,
  )
  const seal = new AnswerSeal(hashKey)
  const bytesMax = http.backlogBytesMax
  return new KafkaOutflow({ client, topic, countPartitions: count, seal, bytesMax, log })
}

function isRedisSet({ loaded }: Context): boolean {
  return loaded.origins.has('redis.url')
}

async function assembleSidecar(
  assembly: Assembled,
  { store, shared }: Journals,
  outflow: KafkaOutflow | null,
  hashKey: Uint8Array,
  context: Context,
) {
  const { loaded, log, clock } = context
  const { http, budget } = loaded.config
  const metrics = new Metrics()
  metrics.watchProcess()
  metrics.watchStore(() => store.stats())
  const intake = new Intake(assembly.mapping.parser(), assembly.plan, hashKey)
  const pipeline = makePipeline(assembly, {
    store,
    parser: intake,
    intake: new DirectIntake(intake, intake),
    hashKey,
    mode: 'serve',
    source,
    hasFeatures: loaded.config.decisions.features === 'all',
    clock,
    meter: metrics,
    challengersMs: budget.challengersMs,
    log,
  })
  const lineup = await RunningLineup.open(assembly, pipeline, context)
  metrics.watchModels(lineup)
  const { horizonMs, answerBytesMax: bytesMax } = http
  const sidecar = new Sidecar({
    pipeline,
    intake,
    kept: new KeptAnswers({ horizonMs, bytesMax, clock }),
    shared,
    outflow,
    standInOutcome: http.standIn,
    waitingMax: http.waitingMax,
    clock,
    log,
  })
  metrics.watchSidecar(() => ({ ...sidecar.stats, ...backlogOf(outflow) }))
  let isReady = true
  const serving = {
    sidecar,
    intake,
    clock,
    deadlineMs: budget.deadlineMs,
    body: { bytesMax: bodyBytesMax, msMax: http.requestTimeoutMs },
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.text() }),
    isReady: () => isReady,
    scorer: () => lineup.seats()[0]?.model.scorer ?? null,
  }
  const drain = (): Promise<void> => {
    isReady = false
    return sidecar.drain()
  }
  return { serving, sidecar, drain, lineup }
}

function backlogOf(outflow: KafkaOutflow | null) {
  const stats = outflow?.stats
  return {
    backlog: stats?.waiting ?? 0,
    backlogBytes: stats?.waitingBytes ?? 0,
    lost: stats?.lost ?? 0,
  }
}

/** A call is one JSON document, whatever the mapping's files are. */
function requireJson({ mapping }: Assembly, file: string | null): void {
  if (mapping.format !== 'csv') return
  const fault = { file: file ?? '', line: 0, path: 'format', expected: 'json', found: 'csv' }
  throw new DocumentError([{ ...fault, hint: 'calls are JSON: a copy of it with format: json' }])
}
