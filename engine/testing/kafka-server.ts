// A real Kafka broker for tests: one KRaft node on free loopback ports, its jars from Maven Central in a cache of the user.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const version = '4.4.0'
const startMsMax = 60_000

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
  </plugin></plugins></build>
</project>
`

/** The folder of the broker's jars, fetched with Maven when it is not there yet. Rejects with what to install. */
export async function kafkaJars(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const folder = join(cache, 'weir', `kafka-${version}`)
  if (existsSync(join(folder, 'complete'))) return join(folder, 'lib')
  await mkdir(join(cache, 'weir'), { recursive: true })
  const work = await mkdtemp(join(cache, 'weir', 'fetch-'))
  try {
    await writeFile(join(work, 'pom.xml'), pom)
    const copy = ['-B', '-q', 'dependency:copy-dependencies', `-DoutputDirectory=${work}/lib`]
    await run('mvn', copy, { cwd: work })
    await writeFile(join(work, 'complete'), version)
    await rm(folder, { recursive: true, force: true })
    await rename(work, folder)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return join(folder, 'lib')
}

export class KafkaServer {
  readonly port: number
  readonly #folder: string
  readonly #jars: string
  #process: ChildProcess

  private constructor(port: number, folder: string, jars: string, process: ChildProcess) {
    this.port = port
    this.#folder = folder
    this.#jars = jars
    this.#process = process
  }

  get brokers(): string {
    return `127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  get folder(): string {
    return this.#folder
  }

  /** Formats a new data folder and starts a broker on it. `isDetached`: it outlives this process. */
  static async start(isDetached = false): Promise<KafkaServer> {
    const jars = await kafkaJars()
    const [port, controller] = [await freePort(), await freePort()]
    const folder = await mkdtemp(join(tmpdir(), 'weir-kafka-'))
    await writeFile(join(folder, 'server.properties'), properties(port, controller, folder))
    const format = [
      'format',
      '-t',
      'WeirTestClusterAAAAAAA',
      '-c',
      join(folder, 'server.properties'),
    ]
    await run('java', ['-Xmx64m', '-cp', `${jars}/*`, 'kafka.tools.StorageTool', ...format])
    const server = new KafkaServer(port, folder, jars, launch(jars, folder, isDetached))
    await server.#ready()
    return server
  }

  /** Starts the stopped broker again, on its port and data. */
  async restart(): Promise<void> {
    this.#process = launch(this.#jars, this.#folder, false)
    await this.#ready()
  }

  /** Ends the process at once; its data stays. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill(signal)
    await ended
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Lets go of a detached broker, so that this process can end. */
  release(): void {
    this.#process.unref()
  }

  async #ready(): Promise<void> {
    const log = join(this.#folder, 'broker.log')
    for (let waitedMs = 0; waitedMs < startMsMax; waitedMs += 100) {
      if (this.#process.exitCode !== null) break
      const text = await readFile(log, 'utf8')
      if (text.includes('Kafka Server started')) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const text = await readFile(log, 'utf8')
    await this.stop()
    throw new Error(`the broker did not start:\n${text.slice(-2000)}`)
  }
}

function launch(jars: string, folder: string, isDetached: boolean): ChildProcess {
  const log = openSync(join(folder, 'broker.log'), 'w')
  const small = ['-Xms192m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const quick = ['-Xshare:auto', '-XX:-UsePerfData', '-XX:MaxDirectMemorySize=64m']
  const logging = ['warn', 'info'].map((level, index) =>
    index === 0
      ? `-Dorg.slf4j.simpleLogger.defaultLogLevel=${level}`
      : `-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=${level}`,
  )
  const classes = ['-cp', `${jars}/*`, 'kafka.Kafka', join(folder, 'server.properties')]
  return spawn('java', [...small, ...quick, ...logging, ...classes], {
    stdio: ['ignore', log, log],
    detached: isDetached,
  })
}

function properties(port: number, controller: number, folder: string): string {
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    // The default of 128 MiB does not fit this heap.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'auto.create.topics.enable': false,
  }
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
