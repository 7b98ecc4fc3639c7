// The way to a single Redis: every bucket is there, and whatever fails is left to who asked, but for a missing function.
import { type Connection, codeOf } from './redis-connection.ts'
import { agree, checkServer, type Deployment, loadFunction } from './redis-fitness.ts'
import { StoreError } from './store.ts'
import type { Failure, PackedCall, RedisWire, Traffic } from './wire.ts'

/** Functions may be flushed again and again. */
const repeatsMax = 8

export class SingleWire implements RedisWire {
  readonly traffic: Traffic
  readonly #node: Connection
  readonly #deployment: Deployment

  constructor(node: Connection, deployment: Deployment, traffic: Traffic) {
    this.#node = node
    this.#deployment = deployment
    this.traffic = traffic
  }

  get isAway(): boolean {
    return !this.#node.isReady
  }

  connection(): object {
    return this.#node.stream
  }

  async check(): Promise<void> {
    await checkServer(this.#node)
    await loadFunction(this.#node)
    await agree(this, this.#deployment)
  }

  send(packed: Buffer, calls: readonly PackedCall[]): Promise<(Buffer | StoreError)[]> {
    this.traffic.roundTrips++
    return this.#node.send(packed, calls.length)
  }

  async run(doing: string, commands: readonly (readonly string[])[]): Promise<(string | null)[]> {
    this.traffic.roundTrips++
    const replies = await this.#node.run(doing, commands)
    return replies.map((reply) => {
      if (!(reply instanceof StoreError)) return reply
      this.#leaveReplica(reply)
      throw reply
    })
  }

  async mend(failures: readonly Failure[], repeats: number): Promise<void> {
    const { error } = failures[0]!
    this.#leaveReplica(error)
    if (codeOf(error.cause) !== 'ERR' || repeats === repeatsMax) throw error
    if (!(await loadFunction(this.#node))) throw error
  }

  /** A replica that was a master: the address may lead to the new one. */
  #leaveReplica(error: StoreError): void {
    if (codeOf(error.cause) === 'READONLY') this.#node.reconnect()
  }

  close(): void {
    this.#node.close()
  }
}
