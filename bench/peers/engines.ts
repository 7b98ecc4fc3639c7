// Starts an engine as a process of its own between two topics: a peer in Java, or Weir with its Redis.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endWithParent } from '../../engine/testing/child.ts'
import type { TestTopics } from '../../engine/testing/topics.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { engineTimes } from '../load/engine-times.ts'
import { type Engine, startWeir } from '../load/engines.ts'
import type { StandardWork } from '../standard/standard.ts'
import { entityKinds } from '../standard/transactions.ts'
import { nodeFlags } from '../variant.ts'
import { peersClassPath } from './java.ts'
import { flinkFlags, jvmFlags, type Setup } from './setups.ts'

/** What an engine is given: topics, the work, and a folder for whatever it keeps on disk. */
export interface PeerPlace {
  readonly topics: TestTopics
  readonly work: StandardWork
  readonly folder: string
}

export interface RunningEngine extends Engine {
  /** Null where it has none. */
  readonly redisPid: number | null
  readonly configuration: Readonly<Record<string, string>>
  /** Throws what it said last when it has ended. */
  readonly mustRun: () => void
  /** What only the engine knows of what it did since it was started. */
  measures(): Promise<Record<string, number>>
}

/** `lingerMs`: how long a peer's producer gathers. Weir has no such setting: it sends what gathered while a send was under way. */
export function startEngine(
  setup: Setup,
  place: PeerPlace,
  lingerMs: number,
): Promise<RunningEngine> {
  return setup.engine === 'weir' ? startOurs(setup, place) : startPeer(setup, place, lingerMs)
}

async function startPeer(
  { engine, partitions, options }: Setup,
  { topics, work, folder }: PeerPlace,
  lingerMs: number,
): Promise<RunningEngine> {
  const { transactions, decisions, brokers } = topics
  const told = { ...options, partitions, 'linger-ms': lingerMs }
  const places = { brokers, transactions, decisions, folder, name: transactions, model: work.model }
  const flags = engine === 'flink' ? [...jvmFlags, ...flinkFlags] : jvmFlags
  const child = spawn(
    'java',
    [
      ...[...flags, '-cp', await peersClassPath(), 'weir.peers.Main', engine],
      ...Object.entries({ ...told, ...places }).map(([name, value]) => `${name}=${value}`),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  endWithParent(child)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString('utf8')).slice(-8000)))
  return {
    name: engine,
    pid: child.pid!,
    pair: { transactions, decisions },
    redisPid: null,
    configuration: { java: flags.join(' '), ...texts(told) },
    mustRun: () => {
      if (!isRunning()) throw new Error(`${engine} ended: ${said}`)
    },
    metrics: () => Promise.resolve(null),
    measures: () => Promise.resolve({}),
    // What it writes at a clean stop is no part of what is measured.
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function startOurs(
  { partitions, options }: Setup,
  { topics, work, folder }: PeerPlace,
): Promise<RunningEngine> {
  const redis = await RedisServer.start()
  const { exact } = options
  const catalog = exact === undefined ? work.catalog : writeExact(work.catalog, exact, folder)
  const weir = await startWeir({ topics, partitions }, { ...work, catalog }, redis.url)
  const before = (await weir.metrics())!
  return {
    ...weir,
    redisPid: redis.pid,
    configuration: {
      node: `${process.version} ${nodeFlags.join(' ')}`,
      weir: 'defaults',
      ...texts(options),
    },
    mustRun: () => undefined,
    measures: async () => {
      const { decisionBatch, sendBatch } = engineTimes(before, (await weir.metrics())!)
      return { decision_batch: decisionBatch, send_batch: sendBatch }
    },
    stop: async () => {
      await weir.stop()
      await redis.stop()
    },
  }
}

/** The same catalog with so many records of each journal kept one by one. */
function writeExact(catalog: string, records: string | number, folder: string): string {
  const file = join(folder, 'exact.yaml')
  const kinds = entityKinds.map((kind) => `${kind}: ${records}`).join(', ')
  writeFileSync(file, `exact: { ${kinds} }\n${readFileSync(catalog, 'utf8')}`)
  return file
}

function texts(values: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))
}
