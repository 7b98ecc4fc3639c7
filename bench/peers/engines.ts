// Starts an engine as a process of its own on the topics of a world: a peer in Java, or Weir with its Redis.
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { endWithParent } from '../../engine/testing/child.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { nodeFlags } from '../variant.ts'
import { peersClassPath } from './java.ts'
import { flinkFlags, jvmFlags, type Setup } from './setups.ts'
import type { PeerWorld } from './world.ts'

export interface RunningEngine {
  readonly pid: number
  readonly redisPid: number | null
  readonly configuration: Readonly<Record<string, string>>
  /** Throws what it said last when it has ended. */
  mustRun(): void
  /** What only the engine knows of what it did. */
  measures(): Promise<Record<string, number>>
  stop(): Promise<void>
}

/** `lingerMs`: how long a peer's producer gathers. Weir has no such setting: it sends what gathered while a send was under way. */
export function startEngine(
  setup: Setup,
  world: PeerWorld,
  lingerMs: number,
): Promise<RunningEngine> {
  return setup.engine === 'weir' ? startWeir(world) : startPeer(setup, world, lingerMs)
}

async function startPeer(
  { engine, partitions, options }: Setup,
  world: PeerWorld,
  lingerMs: number,
): Promise<RunningEngine> {
  const { transactions, decisions, brokers } = world.topics
  const told = { ...options, partitions, 'linger-ms': lingerMs }
  const places = { brokers, transactions, decisions, folder: world.folder, name: transactions }
  const words = Object.entries({ ...told, ...places, model: world.work.model })
  const flags = engine === 'flink' ? [...jvmFlags, ...flinkFlags] : jvmFlags
  const child = spawn(
    'java',
    [
      ...[...flags, '-cp', await peersClassPath(), 'weir.peers.Main', engine],
      ...words.map(([name, value]) => `${name}=${value}`),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  endWithParent(child)
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString('utf8')).slice(-8000)))
  return {
    pid: child.pid!,
    redisPid: null,
    configuration: { java: flags.join(' '), ...texts(told) },
    mustRun: () => {
      if (hasEnded(child)) throw new Error(`${engine} ended: ${said}`)
    },
    measures: () => Promise.resolve({}),
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (hasEnded(child)) return
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function startWeir(world: PeerWorld): Promise<RunningEngine> {
  const redis = await RedisServer.start()
  const port = await freePort()
  const { topics, work } = world
  const config = `
source: ${work.mapping}
catalog: ${work.catalog}
models: [${work.model}]
kafka:
  brokers: [${topics.brokers}]
  transactions: ${topics.transactions}
  decisions: ${topics.decisions}
  dead_letters: ${topics.deadLetters}
  group: ${topics.transactions}
redis: { url: '${redis.url}' }
http: { host: 127.0.0.1, port: ${port} }
hash_key: 00112233445566778899aabbccddeeff
`
  const environment = {
    KAFKA_BROKERS: undefined,
    REDIS_URL: undefined,
    WEIR_LISTEN_HOST: '127.0.0.1',
  }
  const engine = new EngineProcess(['stream'], config, environment, nodeFlags)
  return {
    pid: engine.child.pid!,
    redisPid: redis.pid,
    configuration: { node: `${process.version} ${nodeFlags.join(' ')}`, weir: 'defaults' },
    mustRun: () => {
      if (!engine.isRunning) throw new Error(`weir stream ended: ${engine.stderr}`)
    },
    measures: async () => {
      const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      return {
        decision_batch: mean(page, 'weir_batch_messages'),
        send_batch: mean(page, 'weir_send_outcomes'),
      }
    },
    stop: async () => {
      const { code } = await engine.kill('SIGTERM')
      await redis.stop()
      if (code !== 0) throw new Error(`weir stream ended with ${code}: ${engine.stderr}`)
    },
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

/** Of a histogram without labels, since the start. */
function mean(page: string, name: string): number {
  const read = (part: string): number =>
    Number(new RegExp(`^${name}_${part}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(page)?.[1])
  return read('sum') / read('count')
}

function texts(values: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
