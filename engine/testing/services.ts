// `npm run services -- start|stop|status`: a real Redis and a real Kafka broker on free loopback ports, with their data in
// temporary folders. Finds or installs what is missing; stops only what it started. KAFKA_BROKERS and REDIS_URL point
// at existing ones instead.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { KafkaServer } from './kafka-server.ts'

const run = promisify(execFile)

export interface Services {
  readonly kafkaBrokers: string
  readonly redisUrl: string
  stop(): Promise<void>
}

/** Starts what the environment does not name. Rejects with what to install; then nothing runs on. */
export async function startServices(): Promise<Services> {
  const { KAFKA_BROKERS: brokers, REDIS_URL: url } = process.env
  if (url === undefined) await install('redis-server', ['redis-server'])
  if (brokers === undefined) await install('mvn', ['maven'])
  const redis = url === undefined ? await RedisServer.start() : null
  try {
    const kafka = brokers === undefined ? await KafkaServer.start() : null
    return {
      kafkaBrokers: brokers ?? kafka!.brokers,
      redisUrl: url ?? redis!.url,
      stop: async () => {
        await kafka?.stop()
        await redis?.stop()
      },
    }
  } catch (error) {
    await redis?.stop()
    throw error
  }
}

/** Installs Debian packages when `command` is missing and we may; else says what to install. */
async function install(command: string, packages: readonly string[]): Promise<void> {
  const isThere = await run('which', [command]).then(
    () => true,
    () => false,
  )
  if (isThere) return
  const advice = `${command} is missing: apt-get install --no-install-recommends ${packages.join(' ')}`
  if (userInfo().uid !== 0 || !existsSync('/usr/bin/apt-get')) throw new Error(advice)
  process.stderr.write(`services: installing ${packages.join(' ')}\n`)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    await run('apt-get', ['update', '-qq'], { env: environment })
    const quiet = ['install', '-y', '-qq', '--no-install-recommends', ...packages]
    await run('apt-get', quiet, { env: environment, maxBuffer: 2 ** 26 })
  } catch (cause) {
    throw new Error(advice, { cause })
  }
}

// What follows is the command: services that outlive it are held by a process of their own, which the state file names.
const stateFile = join(tmpdir(), `weir-services-${userInfo().uid}.json`)

interface State {
  readonly pid: number
  readonly kafkaBrokers: string
  readonly redisUrl: string
}

async function readState(): Promise<State | null> {
  try {
    const state = JSON.parse(await readFile(stateFile, 'utf8')) as State
    process.kill(state.pid, 0)
    return state
  } catch {
    return null
  }
}

async function main(verb: string | undefined): Promise<number> {
  const state = await readState()
  switch (verb) {
    case 'start':
      return state === null ? startKeeper() : tell(state)
    case 'status':
      if (state === null) process.stdout.write('not running\n')
      else tell(state)
      return state === null ? 1 : 0
    case 'stop':
      return stopKeeper(state)
    case 'keep':
      return keep()
    default:
      process.stderr.write('usage: npm run services -- start|stop|status\n')
      return 2
  }
}

function tell(state: State): number {
  process.stdout.write(
    `export KAFKA_BROKERS=${state.kafkaBrokers}\nexport REDIS_URL=${state.redisUrl}\n`,
  )
  return 0
}

/** Starts a process that starts and holds the services, and waits until it says that they run. */
async function startKeeper(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-services-'))
  const script = process.argv[1]!
  const keeper = spawn(process.execPath, [script, 'keep'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  keeper.unref()
  await rm(folder, { recursive: true })
  while (keeper.exitCode === null) {
    const state = await readState()
    if (state !== null) return tell(state)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return 1
}

async function keep(): Promise<number> {
  const services = await startServices()
  const { kafkaBrokers, redisUrl } = services
  await writeFile(stateFile, JSON.stringify({ pid: process.pid, kafkaBrokers, redisUrl }))
  await new Promise((resolve) => process.once('SIGTERM', resolve))
  await rm(stateFile, { force: true })
  await services.stop()
  return 0
}

async function stopKeeper(state: State | null): Promise<number> {
  if (state === null) {
    process.stdout.write('not running\n')
    return 0
  }
  process.kill(state.pid, 'SIGTERM')
  while ((await readState()) !== null) await new Promise((resolve) => setTimeout(resolve, 50))
  process.stdout.write('stopped\n')
  return 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = await main(process.argv[2]).catch((error: unknown) => {
    process.stderr.write(`services: ${(error as Error).message}\n`)
    return 1
  })
}
