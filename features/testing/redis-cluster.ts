// A real Redis Cluster for a test: three masters with a replica each, or so many as asked for, on free loopback ports, with
// nothing saved. It breaks and moves things on request, and is stopped by who started it.
import { strict as assert } from 'node:assert'
import { slotOf } from '../store/slots.ts'
import type { RedisClient, Reply } from './redis-client.ts'
import { RedisProxy } from './redis-proxy.ts'
import { freePorts, RedisServer } from './redis-server.ts'

interface Size {
  readonly masters: number
  /** Of each of them, 1 or none. */
  readonly replicas: 0 | 1
}

const usual: Size = { masters: 3, replicas: 1 }
const slots = 16_384
const waitMsMax = 20_000

export class ClusterNode {
  readonly server: RedisServer
  readonly id: string
  /** Null where clients reach the server itself. */
  readonly proxy: RedisProxy | null
  client: RedisClient

  constructor(server: RedisServer, id: string, proxy: RedisProxy | null, client: RedisClient) {
    this.server = server
    this.id = id
    this.proxy = proxy
    this.client = client
  }

  get url(): string {
    return this.proxy?.url ?? this.server.url
  }

  async isMaster(): Promise<boolean> {
    return String(await this.client.call('ROLE')).startsWith('master')
  }

  /** Comes back, after it was killed, with its identity and without its data. */
  async restart(): Promise<void> {
    this.client.close()
    await this.server.restart()
    this.client = await this.server.client()
  }
}

export class RedisCluster {
  /** Masters first. */
  readonly nodes: readonly ClusterNode[]
  readonly #masters: number

  private constructor(nodes: readonly ClusterNode[], masters: number) {
    this.nodes = nodes
    this.#masters = masters
  }

  /** `isProxied`: the nodes tell clients the address of a proxy before each. */
  static async start(isProxied = false, { masters, replicas } = usual): Promise<RedisCluster> {
    const count = masters * (1 + replicas)
    const ports = await freePorts(2 * count)
    const nodes = await Promise.all(
      Array.from({ length: count }, (_, at) =>
        startNode(ports[2 * at]!, ports[2 * at + 1]!, isProxied),
      ),
    )
    const cluster = new RedisCluster(nodes, masters)
    await cluster.#join()
    return cluster
  }

  /** Two seeds, as a user would name them, where there are two. */
  get url(): string {
    return this.nodes
      .slice(0, 2)
      .map(({ url }) => url)
      .join()
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) {
      node.client.close()
      await node.proxy?.stop()
    }
    await Promise.all(this.nodes.map((node) => node.server.stop()))
  }

  /** The master of a key's slot, as most of its nodes see it. */
  async masterOf(key: string): Promise<ClusterNode> {
    const slot = slotOf(key)
    for (const node of this.nodes) {
      if (!(await isUp(node)) || !(await node.isMaster())) continue
      const lines = String(await node.client.call('CLUSTER', 'NODES')).split('\n')
      const own = lines.find((line) => line.includes('myself'))!
      if (
        own
          .split(' ')
          .slice(8)
          .some((range) => holds(range, slot))
      )
        return node
    }
    return assert.fail(`nobody serves slot ${slot}`)
  }

  /** Another master than the one of a key. */
  async otherThan(key: string): Promise<ClusterNode> {
    const master = await this.masterOf(key)
    for (const node of this.nodes) {
      if (node !== master && (await isUp(node)) && (await node.isMaster())) return node
    }
    return assert.fail('there is no other master')
  }

  async replicaOf(master: ClusterNode): Promise<ClusterNode> {
    for (const node of this.nodes) {
      if (!(await isUp(node))) continue
      const own = String(await node.client.call('CLUSTER', 'NODES'))
        .split('\n')
        .find((line) => line.includes('myself'))!
      if (own.split(' ')[3] === master.id) return node
    }
    return assert.fail('it has no replica')
  }

  /** Does the same command at the master of its key. */
  async at(key: string, ...command: readonly (string | Buffer | number)[]): Promise<Reply> {
    return (await this.masterOf(key)).client.call(...command)
  }

  /** Opens the move of a key's slot: from now on its keys are on their way. */
  async beginMove(key: string, to: ClusterNode): Promise<ClusterNode> {
    const from = await this.masterOf(key)
    const slot = slotOf(key)
    await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
    await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
    return from
  }

  /** Moves up to `count` keys of the slot; false when none was left. */
  async moveKeys(key: string, from: ClusterNode, to: ClusterNode, count: number): Promise<boolean> {
    const keys = await from.client.call('CLUSTER', 'GETKEYSINSLOT', slotOf(key), count)
    const found = keys as Buffer[]
    if (found.length === 0) return false
    const port = to.server.port
    await from.client.call('MIGRATE', '127.0.0.1', port, '', 0, 5000, 'KEYS', ...found)
    return true
  }

  async endMove(key: string, from: ClusterNode, to: ClusterNode): Promise<void> {
    for (const node of [to, from, ...this.nodes]) {
      if (await node.isMaster()) {
        await node.client.call('CLUSTER', 'SETSLOT', slotOf(key), 'NODE', to.id)
      }
    }
  }

  /** Moves the slot of a key with all its keys, some at a time. */
  async move(key: string, to: ClusterNode, keysAtOnce = 10): Promise<void> {
    const from = await this.beginMove(key, to)
    while (await this.moveKeys(key, from, to, keysAtOnce));
    await this.endMove(key, from, to)
  }

  /** Resolves once every node sees `count` masters serve all slots, and every replica has its master's data. */
  async settled(): Promise<void> {
    await until('the cluster is not up', async () => {
      for (const node of this.nodes) {
        if (!(await isUp(node))) return false
        const info = String(await node.client.call('CLUSTER', 'INFO'))
        if (!info.includes('cluster_state:ok') || !info.includes(`cluster_size:${this.#masters}`))
          return false
        const nodes = String(await node.client.call('CLUSTER', 'NODES'))
        if (/fail|handshake|noaddr/.test(nodes)) return false
        const role = String(await node.client.call('ROLE'))
        if (role.startsWith('slave') && !role.includes('connected')) return false
      }
      return true
    })
  }

  /** Starts the nodes again that were killed. */
  async revive(): Promise<void> {
    for (const node of this.nodes) if (!(await isUp(node))) await node.restart()
  }

  async #join(): Promise<void> {
    const [first] = this.nodes
    const masters = this.#masters
    for (const [at, { client }] of this.nodes.entries()) {
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1)
      if (at >= masters) continue
      const from = Math.floor((slots * at) / masters)
      const to = Math.floor((slots * (at + 1)) / masters) - 1
      await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to)
    }
    for (const { server } of this.nodes) {
      await first!.client.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPorts.get(server)!)
    }
    for (const [at, node] of this.nodes.entries()) {
      if (at < masters) continue
      const master = this.nodes[at - masters]!
      await until('nodes do not meet', async () => {
        try {
          await node.client.call('CLUSTER', 'REPLICATE', master.id)
          return true
        } catch {
          return false
        }
      })
    }
    await this.settled()
  }
}

const busPorts = new WeakMap<RedisServer, number>()

async function startNode(port: number, busPort: number, isProxied: boolean): Promise<ClusterNode> {
  const proxy = isProxied ? await RedisProxy.start(port) : null
  const announced = proxy === null ? [] : ['--cluster-announce-port', new URL(proxy.url).port]
  const server = await RedisServer.start(
    [
      ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
      ...['--cluster-node-timeout', '1000', '--cluster-replica-validity-factor', '0'],
      ...['--cluster-require-full-coverage', 'no', '--repl-diskless-sync-delay', '0'],
      ...announced,
    ],
    port,
  )
  busPorts.set(server, busPort)
  const client = await server.client()
  const id = String(await client.call('CLUSTER', 'MYID'))
  return new ClusterNode(server, id, proxy, client)
}

async function isUp({ client }: ClusterNode): Promise<boolean> {
  try {
    await client.call('PING')
    return true
  } catch {
    return false
  }
}

function holds(range: string, slot: number): boolean {
  const [first, last = first] = range.split('-')
  return Number(first) <= slot && slot <= Number(last)
}

export async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < waitMsMax; waitedMs += 20) {
    if (await is()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail(what)
}
