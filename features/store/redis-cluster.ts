// The way to a Redis Cluster: calls go to the node of their bucket, all nodes at once with one write each. It follows slots as
// they move and masters as they change, but sends no call again by itself: behind another node may be an older state.
import { setTimeout as pause } from 'node:timers/promises'
import type { Keys } from './keys.ts'
import { type Connection, type ConnectionOptions, codeOf, unserved } from './redis-connection.ts'
import { agree, checkServer, type Deployment, loadFunction } from './redis-fitness.ts'
import { Nodes } from './redis-nodes.ts'
import { slotOf } from './slots.ts'
import { StoreError } from './store.ts'
import { type Failure, newTraffic, type PackedCall, type RedisWire } from './wire.ts'

export interface ClusterOptions extends ConnectionOptions {
  /** URLs of nodes to begin with; scheme and credentials of the first are those of all. */
  readonly seeds: readonly string[]
  readonly keys: Keys
  readonly deployment: Deployment
}

const pauseMsMax = 64

/** The replies under which nothing was done, and that pass: what is to be done before the same is sent again. */
const passing: Readonly<Record<string, 'wait' | 'ask' | 'follow' | 'learn'>> = {
  TRYAGAIN: 'wait',
  LOADING: 'wait',
  ASK: 'ask',
  MOVED: 'follow',
  CLUSTERDOWN: 'learn',
  READONLY: 'learn',
  MASTERDOWN: 'learn',
}

interface SlotFailure {
  readonly slot: number
  readonly error: StoreError
}

/** A command of `run`: where its reply belongs, and the node that it was told to ask. */
interface Errand {
  readonly place: number
  readonly slot: number
  readonly asked: Connection | null
}

export class ClusterWire implements RedisWire {
  readonly traffic = newTraffic()
  readonly #options: ClusterOptions
  readonly #nodes: Nodes
  /** By bucket. */
  readonly #slots: Uint16Array

  private constructor(options: ClusterOptions) {
    this.#options = options
    this.#nodes = new Nodes(options.seeds, options, this.traffic)
    const { keys } = options
    this.#slots = Uint16Array.from({ length: keys.buckets }, (_, at) => slotOf(keys.chain(at)))
  }

  /** Learns the nodes from `seed` and checks all masters. Rejects with StoreError. */
  static async open(options: ClusterOptions, seed: Connection): Promise<ClusterWire> {
    const wire = new ClusterWire(options)
    try {
      await wire.#nodes.learnFrom(seed)
      await Promise.all(wire.#nodes.masters.map(checkNode))
      await wire.#checkRoom()
      await agree(wire, options.deployment)
      return wire
    } catch (error) {
      wire.close()
      throw error
    }
  }

  get isAway(): boolean {
    return this.#nodes.masters.some((node) => !node.isReady)
  }

  connection(bucket: number): object {
    return this.#nodeOf(this.#slots[bucket]!)?.stream ?? this
  }

  async check(buckets: readonly number[]): Promise<void> {
    const nodes = new Set<Connection>()
    for (const bucket of buckets) {
      const node = this.#nodeOf(this.#slots[bucket]!)
      if (node === undefined)
        await this.mend([{ bucket, error: unserved(this.#slots[bucket]!) }], 0)
      else nodes.add(node)
    }
    try {
      await Promise.all(Array.from(nodes, checkNode))
    } catch (error) {
      this.#learnLater()
      throw error
    }
    await agree(this, this.#options.deployment)
  }

  async send(packed: Buffer, calls: readonly PackedCall[]): Promise<(Buffer | StoreError)[]> {
    this.traffic.roundTrips++
    const replies: (Buffer | StoreError)[] = []
    const groups = new Map<Connection, number[]>()
    const sending: Promise<void>[] = []
    for (const [at, { bucket, start, end }] of calls.entries()) {
      const slot = this.#slots[bucket]!
      const node = this.#nodeOf(slot)
      if (node === undefined) replies[at] = unserved(slot)
      else if (this.#nodes.mover(slot) === undefined) placesOf(groups, node).push(at)
      else {
        const asked = node.ask(Buffer.from(packed.subarray(start, end)))
        sending.push(asked.then(([reply]) => void (replies[at] = reply!)))
      }
    }
    for (const [node, places] of groups) {
      const parts = places.map((at) => packed.subarray(calls[at]!.start, calls[at]!.end))
      const sent = node.send(Buffer.concat(parts), parts.length)
      sending.push(
        sent.then((answered) => {
          put(answered, places, replies)
        }),
      )
    }
    await Promise.all(sending)
    return replies
  }

  async run(doing: string, commands: readonly (readonly string[])[]): Promise<(string | null)[]> {
    const replies: (string | null | StoreError)[] = []
    let errands: Errand[] = commands.map(([, key = ''], place) => {
      return { place, slot: slotOf(key), asked: null }
    })
    for (let repeats = 0; ; repeats++) {
      await this.#runOnce(doing, commands, errands, replies)
      errands = errands.filter(({ place }) => replies[place] instanceof StoreError)
      if (errands.length === 0) return replies as (string | null)[]
      const failures = errands.map(({ place, slot }) => {
        return { slot, error: replies[place] as StoreError }
      })
      const asked = await this.#mend(failures, repeats)
      errands = errands.map((errand, at) => ({ ...errand, asked: asked[at]! }))
    }
  }

  async mend(failures: readonly Failure[], repeats: number): Promise<void> {
    const slots = failures.map(({ bucket, error }) => ({ slot: this.#slots[bucket]!, error }))
    const asked = await this.#mend(slots, repeats)
    // Without one, the bucket may be back where it was.
    for (const [at, { slot }] of slots.entries()) this.#nodes.setMover(slot, asked[at]!)
  }

  close(): void {
    this.#nodes.close()
  }

  #nodeOf(slot: number): Connection | undefined {
    return this.#nodes.mover(slot) ?? this.#nodes.owner(slot)
  }

  /** Does each errand once: at the master of its slot, or where it was told to ask. */
  async #runOnce(
    doing: string,
    commands: readonly (readonly string[])[],
    errands: readonly Errand[],
    replies: (string | null | StoreError)[],
  ): Promise<void> {
    this.traffic.roundTrips++
    const plain = new Map<Connection, number[]>()
    const asking = new Map<Connection, number[]>()
    for (const { place, slot, asked } of errands) {
      const node = asked ?? this.#nodes.owner(slot)
      if (node === undefined) replies[place] = unserved(slot)
      else placesOf(asked === null ? plain : asking, node).push(place)
    }
    const running = [plain, asking].flatMap((groups) =>
      Array.from(groups, async ([node, places]) => {
        const some = places.map((place) => commands[place]!)
        put(await node.run(doing, some, groups === asking), places, replies)
      }),
    )
    await Promise.all(running)
  }

  /** What `mend` says, for whatever was to be done at a slot; the node that each is to be asked at, null for its master. */
  async #mend(failures: readonly SlotFailure[], repeats: number): Promise<(Connection | null)[]> {
    const asked: (Connection | null)[] = []
    const unloaded = new Map<Connection, StoreError>()
    let source: Connection | null = null
    let isStale = false
    for (const [at, { slot, error }] of failures.entries()) {
      const code = codeOf(error.cause)
      const remedy = passing[code ?? '']
      const node = this.#nodeOf(slot)
      asked[at] = remedy === 'ask' ? this.#nodes.redirected(slot, messageOf(error)) : null
      if (remedy === 'follow') source = this.#nodes.redirected(slot, messageOf(error))
      if (remedy === 'follow' || remedy === 'learn') isStale = true
      if (remedy !== undefined) continue
      if (code !== 'ERR' || node === undefined) {
        if (code === null) this.#learnLater()
        throw error
      }
      unloaded.set(node, error)
    }
    for (const [node, error] of unloaded) if (!(await loadFunction(node))) throw error
    const pauseMs = this.#pauseMs(failures[0]!, repeats)
    if (isStale) await this.#nodes.learn(source)
    await pause(pauseMs)
    return asked
  }

  /** Nothing at first, then longer each time; throws once that would be longer in all than a call may take. */
  #pauseMs({ slot, error }: SlotFailure, repeats: number): number {
    let waitedMs = 0
    let pauseMs = 0
    for (let repeat = 0; repeat < repeats; repeat++) {
      pauseMs = Math.min(pauseMsMax, 2 ** repeat)
      waitedMs += pauseMs
    }
    if (waitedMs <= this.#options.commandTimeoutMs) return pauseMs
    const { message, cause } = error
    throw new StoreError(`${message} (slot ${slot}, after ${repeats} attempts)`, true, cause)
  }

  #learnLater(): void {
    this.#nodes.learn().catch(() => undefined)
  }

  /** Refuses what could never be spread over the nodes, and cannot be changed later; never a deployment that runs so. */
  async #checkRoom(): Promise<void> {
    const { buckets, key } = this.#options.deployment
    const masters = this.#nodes.masters.length
    if (buckets >= masters) return
    const [found] = await this.run('opening Redis', [['get', key]])
    if (found === null) {
      throw new StoreError(
        `opening Redis: expected a bucket or more for each of the ${masters} masters of this cluster, found redis.buckets ${buckets}: ` +
          'set it to 256 for all engines; once journals are written it cannot be changed',
        false,
      )
    }
    const text = 'there are fewer buckets than masters: some nodes of the cluster have no journals'
    this.#options.log.warn({ buckets, masters }, text)
  }
}

async function checkNode(node: Connection): Promise<void> {
  await node.ready()
  await checkServer(node)
  await loadFunction(node)
}

function messageOf({ cause }: StoreError): string {
  return cause instanceof Error ? cause.message : ''
}

function placesOf(groups: Map<Connection, number[]>, node: Connection): number[] {
  let places = groups.get(node)
  if (places === undefined) {
    places = []
    groups.set(node, places)
  }
  return places
}

function put<Reply>(answered: readonly Reply[], places: readonly number[], out: Reply[]): void {
  for (const [at, place] of places.entries()) out[place] = answered[at]!
}
