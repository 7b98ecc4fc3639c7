// A real Kafka for tests: one KRaft node or several on free loopback ports, jars from Maven Central in a cache of the user.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { endWithParent } from './child.ts'

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

/** Small and quick to start; it never compiles well, which costs a benchmark more than it saves. */
const quickJvm = [
  ...['-Xms192m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  ...['-Xshare:auto', '-XX:-UsePerfData', '-XX:MaxDirectMemorySize=64m'],
]

/** Where a node and all controllers of its cluster listen. */
interface Place {
  readonly id: number
  readonly port: number
  readonly controllers: readonly number[]
  readonly folder: string
}

export class KafkaServer {
  readonly port: number
  readonly #folder: string
  readonly #jars: string
  readonly #jvm: readonly string[]
  #process: ChildProcess

  private constructor({ port, folder }: Place, jars: string, jvm: readonly string[]) {
    this.port = port
    this.#folder = folder
    this.#jars = jars
    this.#jvm = jvm
    this.#process = launch(jars, folder, jvm)
  }

  get pid(): number {
    return this.#process.pid!
  }

  get brokers(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Formats a new data folder and starts a broker on it. `jvm`: flags of Java, in place of those of a test. */
  static async start(jvm = quickJvm): Promise<KafkaServer> {
    const [server] = await KafkaServer.startCluster(1, jvm)
    return server!
  }

  /** So many nodes, each broker and controller; a silent one counts as lost after three seconds. */
  static async startCluster(size: number, jvm = quickJvm): Promise<KafkaServer[]> {
    const jars = await kafkaJars()
    const ports = await freePorts(2 * size)
    const controllers = ports.slice(size)
    const servers = await Promise.all(
      ports.slice(0, size).map(async (port, index) => {
        const folder = await mkdtemp(join(tmpdir(), 'weir-kafka-'))
        const place = { id: index + 1, port, controllers, folder }
        const file = join(folder, 'server.properties')
        await writeFile(file, properties(place))
        const format = ['format', '-t', 'WeirTestClusterAAAAAAA', '-c', file]
        await run('java', ['-Xmx64m', '-cp', `${jars}/*`, 'kafka.tools.StorageTool', ...format])
        return new KafkaServer(place, jars, jvm)
      }),
    )
    await Promise.all(servers.map((server) => server.#ready()))
    return servers
  }

  /** Starts the stopped broker again, on its port and data. */
  async restart(): Promise<void> {
    this.#process = launch(this.#jars, this.#folder, this.#jvm)
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

function launch(jars: string, folder: string, jvm: readonly string[]): ChildProcess {
  const log = openSync(join(folder, 'broker.log'), 'w')
  const logging = [
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  ]
  const classes = ['-cp', `${jars}/*`, 'kafka.Kafka', join(folder, 'server.properties')]
  const child = spawn('java', [...jvm, ...logging, ...classes], {
    stdio: ['ignore', log, log],
  })
  endWithParent(child)
  return child
}

function properties({ id, port, controllers, folder }: Place): string {
  const controller = controllers[id - 1]!
  const voters = controllers.map((at, index) => `${index + 1}@127.0.0.1:${at}`)
  const replicas = controllers.length
  const inSync = Math.min(2, replicas)
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    // The default of 128 MiB does not fit this heap.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    'min.insync.replicas': inSync,
    'broker.session.timeout.ms': replicas > 1 ? 3000 : 9000,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'auto.create.topics.enable': false,
    // What tests write may be of any year.
    'log.retention.ms': -1,
  }
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** All different: they are found before one is used. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return address.port
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
