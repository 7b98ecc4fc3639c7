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
  readonly #process: ChildProcess
  readonly #folder: string

  private constructor(port: number, process: ChildProcess, folder: string) {
    this.port = port
    this.#process = process
    this.#folder = folder
  }

  get pid(): number {
    return this.#process.pid!
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Rejects where redis-server is not installed. `args` are further ones, as on its command line. */
  static async start(args: readonly string[] = []): Promise<RedisServer> {
    const port = await freePort()
    const folder = await mkdtemp(join(tmpdir(), 'weir-redis-'))
    const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
    const child = spawn('redis-server', [...fixed, '--save', '', '--appendonly', 'no', ...args], {
      stdio: 'ignore',
    })
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (cause) => {
        reject(new Error('redis-server did not start: install the package redis-server', { cause }))
      })
      child.once('exit', (code) => {
        reject(new Error(`redis-server ended with ${code}`))
      })
    })
    const server = new RedisServer(port, child, folder)
    await Promise.race([failed, server.#answering()])
    failed.catch(() => undefined)
    return server
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
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = new Promise((resolve) => this.#process.once('exit', resolve))
      this.#process.kill('SIGKILL')
      await ended
    }
    await rm(this.#folder, { recursive: true, force: true })
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
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
