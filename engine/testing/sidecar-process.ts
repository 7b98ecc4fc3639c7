// `weir serve` as users run it, for tests: on a Unix socket of its own, asked over it.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { corpusMapping, transactionJson } from '../../features/testing/corpus.ts'
import { call, type Response } from '../api/testing/http-client.ts'
import { EngineProcess } from './engine-process.ts'

/** More than any machine needs, and less than a test may take. */
export const patient = { 'weir-deadline-ms': '5000' }

export interface SidecarOptions {
  readonly redisUrl?: string | undefined
  /** Text of its policy; absent: the model's. */
  readonly policy?: string | undefined
  readonly socketPath?: string
  /** Settings of `kafka` and `http`. */
  readonly kafka?: Readonly<Record<string, unknown>>
  readonly http?: Readonly<Record<string, unknown>>
  /** Further sections. */
  readonly more?: Readonly<Record<string, unknown>>
}

export class SidecarProcess {
  readonly socketPath: string
  readonly #engine: EngineProcess

  private constructor(port: number, options: SidecarOptions) {
    const folder = mkdtempSync(join(tmpdir(), 'weir-serve-'))
    this.socketPath = options.socketPath ?? join(folder, 'weir.sock')
    const mapping = join(folder, 'mapping.yaml')
    writeFileSync(mapping, JSON.stringify(corpusMapping))
    const policy = options.policy === undefined ? null : join(folder, 'policy.yaml')
    if (policy !== null) writeFileSync(policy, options.policy ?? '')
    const config = {
      source: mapping,
      ...(policy === null ? {} : { policy }),
      hash_key: '00112233445566778899aabbccddeeff',
      redis: { command_timeout: '300ms' },
      http: { port, socket: this.socketPath, stand_in: 'deny', ...options.http },
      ...(options.kafka === undefined ? {} : { kafka: options.kafka }),
      ...options.more,
    }
    const clean = { KAFKA_BROKERS: undefined, REDIS_URL: options.redisUrl }
    this.#engine = new EngineProcess(['serve'], JSON.stringify(config), clean)
  }

  static async start(options: SidecarOptions): Promise<SidecarProcess> {
    const sidecar = new SidecarProcess(await freePort(), options)
    await sidecar.#engine.said('answering on')
    return sidecar
  }

  get stderr(): string {
    return this.#engine.stderr
  }

  ask(change: object, headers: Readonly<Record<string, string>> = patient): Promise<Response> {
    const target = { socketPath: this.socketPath }
    return call(target, { body: transactionJson({ ...change }), headers })
  }

  get(path: string, headers: Readonly<Record<string, string>> = patient): Promise<Response> {
    return call({ socketPath: this.socketPath }, { method: 'GET', path, headers })
  }

  /** What it says at its end. */
  async stop(): Promise<string> {
    const { code, stderr } = await this.#engine.kill('SIGTERM')
    assert.equal(code, 0, stderr)
    assert.ok(!existsSync(this.socketPath))
    return stderr
  }

  kill(): void {
    this.#engine.child.kill('SIGKILL')
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address() as { port: number }
      server.close(() => {
        resolve(address.port)
      })
    })
  })
}
