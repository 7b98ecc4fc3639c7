// The engines of a run, each in a process of its own between two topics of its own on one broker: Weir as users run it, and
// the echo.
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { freePort } from '../../engine/testing/sidecar-process.ts'
import { TestTopics } from '../../engine/testing/topics.ts'
import { nodeFlags } from '../variant.ts'
import { AskedProcess } from './asked-process.ts'
import type { EchoQuestions, EchoSettings } from './echo.ts'
import type { Pair } from './reader-questions.ts'
import type { WorkFiles } from './verification.ts'

export interface Engine {
  readonly name: string
  readonly pid: number
  readonly pair: Pair
  /** Its page of metrics; null where it has none. */
  metrics(): Promise<string | null>
  /** Rejects when it did not end as it should. */
  stop(): Promise<void>
}

export interface Place {
  readonly topics: TestTopics
  readonly partitions: number
}

export async function startWeir(
  { topics }: Place,
  files: WorkFiles,
  redisUrl: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Engine> {
  const { transactions, decisions, deadLetters, brokers } = topics
  const port = await freePort()
  const config = {
    source: files.mapping,
    catalog: files.catalog,
    ...(files.model === null ? {} : { models: files.model }),
    kafka: {
      brokers: [brokers],
      transactions,
      decisions,
      dead_letters: deadLetters,
      group: transactions,
    },
    redis: { url: redisUrl },
    http: { port },
    hash_key: '00112233445566778899aabbccddeeff',
    ...more,
  }
  const clean = { KAFKA_BROKERS: undefined, REDIS_URL: undefined }
  const engine = new EngineProcess(['stream'], JSON.stringify(config), clean, nodeFlags)
  await engine.said('deciding')
  return {
    name: 'weir',
    pid: engine.child.pid!,
    pair: { transactions, decisions },
    metrics: async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    stop: async () => {
      const { code, stderr } = await engine.kill('SIGTERM')
      if (code !== 0) throw new Error(`weir stream ended with ${code}: ${stderr}`)
    },
  }
}

/** `bytes`: of each outcome. */
export async function startEcho({ topics }: Place, bytes: number): Promise<Engine> {
  const { transactions, decisions, deadLetters, brokers } = topics
  const settings: EchoSettings = { brokers, transactions, decisions, deadLetters, bytes }
  const echo = await AskedProcess.start<EchoQuestions>('echo', settings)
  return {
    name: 'echo',
    pid: echo.pid,
    pair: { transactions, decisions },
    metrics: () => Promise.resolve(null),
    stop: async () => {
      await echo.ask('close', null)
      await echo.stop()
    },
  }
}
