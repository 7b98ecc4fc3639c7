// A real Redis for a test: its own process on a free loopback port, with nothing saved. Stopped by who started it.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisClient } from './redis-client.ts'

const startMsMax = 10_000

export class RedisServer {
  readonly port: number
  readonly #folder: string
  readonly #args: readonly string[]
  #process: ChildProcess

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port
    this.#folder = folder
    const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
    this.#args = [...fixed, '--save', '', '--appendonly', 'no', ...args]
    this.#process = this.#spawn()
  }

  get pid(): number {
    return this.#process.pid!
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Rejects where redis-server is not installed. `args` are further ones, as on its command line. */
  static async start(args: readonly string[] = [], at?: number): Promise<RedisServer> {
    const port = at ?? (await freePort())
    const folder = await mkdtemp(join(tmpdir(), 'weir-redis-'))
    const server = new RedisServer(port, folder, args)
    await server.#started()
    return server
  }

  /** Kills it and starts it again, with what the command SAVE wrote last, if anything. */
  async restart(): Promise<void> {
    await this.#kill()
    this.#process = this.#spawn()
    await this.#started()
  }

  /** Ends it at once, until `restart`. */
  async kill(): Promise<void> {
    await this.#kill()
  }

  async client(): Promise<RedisClient> {
    return RedisClient.connect(this.port)
  }

  /** Frozen: connections stay, nothing answers. */
  pause(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    await this.#kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #spawn(): ChildProcess {
    return spawn('redis-server', [...this.#args], { stdio: 'ignore' })
  }

  async #kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGKILL')
    await ended
  }

  async #started(): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#process.once('error', (cause) => {
        reject(new Error('redis-server did not start: install the package redis-server', { cause }))
      })
      this.#process.once('exit', (code) => {
        reject(new Error(`redis-server ended with ${code}`))
      })
    })
    await Promise.race([failed, this.#answering()])
    failed.catch(() => undefined)
  }

  async #answering(): Promise<void> {
    for (let waitedMs = 0; waitedMs < startMsMax; waitedMs += 20) {
      try {
        const client = await this.client()
        await client.call('PING')
        client.close()
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    throw new Error('redis-server does not answer')
  }
}

async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!
}

/** Different ones, that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no free port')
    ports.push(address.port)
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
