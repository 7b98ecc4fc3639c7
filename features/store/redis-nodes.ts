// The nodes of a Redis Cluster and which of them serves a slot, as far as the nodes have told. It connects to masters, and asks
// the others again when one is gone; it sends nothing that concerns a key.
import { Connection, type ConnectionOptions, toStoreError } from './redis-connection.ts'
import { hostOf, readSlots, redirected, slotCount } from './slots.ts'
import type { Traffic } from './wire.ts'

export class Nodes {
  readonly #seeds: readonly string[]
  readonly #options: ConnectionOptions
  readonly #traffic: Traffic
  readonly #byAddress = new Map<string, Connection>()
  /** By slot: the master, as far as is known. */
  #owners: (Connection | undefined)[] = []
  /** By slot: where its keys are on their way to, once a bucket was found there. */
  readonly #moving = new Map<number, Connection>()
  #learning: Promise<void> | null = null
  #turn = 0
  #isClosed = false

  /** `seeds`: URLs of nodes to begin with; scheme and credentials of the first are those of all. */
  constructor(seeds: readonly string[], options: ConnectionOptions, traffic: Traffic) {
    this.#seeds = seeds
    this.#options = options
    this.#traffic = traffic
  }

  get masters(): Connection[] {
    return [...new Set(this.#owners)].filter((node) => node !== undefined)
  }

  owner(slot: number): Connection | undefined {
    return this.#owners[slot]
  }

  /** Where the keys of a slot have moved to while it still belongs to another node. */
  mover(slot: number): Connection | undefined {
    return this.#moving.get(slot)
  }

  setMover(slot: number, node: Connection | null): void {
    if (node === null) this.#moving.delete(slot)
    else this.#moving.set(slot, node)
  }

  /** The node that a redirection by a slot's node names; null where it names none. */
  redirected(slot: number, message: string): Connection | null {
    const from = (this.#moving.get(slot) ?? this.#owners[slot])?.address ?? ''
    const address = redirected(message, hostOf(from))
    return address === null || this.#isClosed ? null : this.#at(address)
  }

  /** Asks the nodes who serves what, `source` first; one asking at a time. Rejects with StoreError when none answers. */
  learn(source: Connection | null = null): Promise<void> {
    this.#learning ??= this.#learn(source).finally(() => {
      this.#learning = null
    })
    return this.#learning
  }

  close(): void {
    this.#isClosed = true
    for (const node of this.#byAddress.values()) node.close()
  }

  async #learn(source: Connection | null): Promise<void> {
    const ready = [...this.#byAddress.values()].filter((node) => node.isReady)
    // Another one first each time: what one says may be of no use.
    const turn = this.#turn++ % Math.max(1, ready.length)
    const asked = new Set([...ready.slice(turn), ...ready.slice(0, turn)])
    let last: unknown = null
    for (const node of source === null ? asked : new Set([source, ...asked])) {
      try {
        await this.learnFrom(node)
        return
      } catch (error) {
        last = error
      }
    }
    for (const seed of this.#seeds) {
      if (this.#isClosed) break
      const node = new Connection(seed, this.#options)
      try {
        await this.learnFrom(node)
        return
      } catch (error) {
        last = error
      } finally {
        node.close()
      }
    }
    throw toStoreError('finding the nodes of the cluster', last)
  }

  /** Takes what `node` says for the truth. */
  async learnFrom(node: Connection): Promise<void> {
    await node.ready()
    const ranges = readSlots(await node.command('cluster', 'SLOTS'), hostOf(node.address))
    if (this.#isClosed) return
    const owners: (Connection | undefined)[] = Array.from({ length: slotCount })
    const listed = new Set<Connection | undefined>()
    for (const { first, last, addresses } of ranges) {
      const master = this.#at(addresses[0]!)
      owners.fill(master, first, last + 1)
      listed.add(master)
      for (const address of addresses) listed.add(this.#byAddress.get(address))
    }
    this.#owners = owners
    for (const [slot, mover] of this.#moving) {
      // One that is gone must not be waited for: whoever has the slot will name it again, if it is still to be asked.
      if (owners[slot] === mover || !mover.isReady) this.#moving.delete(slot)
      else listed.add(mover)
    }
    for (const [address, known] of this.#byAddress) {
      if (listed.has(known)) continue
      known.close()
      this.#byAddress.delete(address)
    }
  }

  #at(address: string): Connection {
    let node = this.#byAddress.get(address)
    if (node === undefined) {
      node = new Connection(this.#urlOf(address), this.#options, this.#traffic)
      this.#byAddress.set(address, node)
      node.ready().catch(() => undefined)
    }
    return node
  }

  #urlOf(address: string): string {
    const [seed] = this.#seeds
    if (!URL.canParse(seed!)) return `redis://${bracketed(address)}`
    const url = new URL(seed!)
    const credentials =
      url.username === '' && url.password === '' ? '' : `${url.username}:${url.password}@`
    return `${url.protocol}//${credentials}${bracketed(address)}`
  }
}

/** An IPv6 address as a URL wants it. */
function bracketed(address: string): string {
  const host = hostOf(address)
  return host.includes(':') && !host.startsWith('[')
    ? `[${host}]${address.slice(host.length)}`
    : address
}
