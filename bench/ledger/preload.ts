// Loaded into `weir stream` by --import, before the engine itself: a witness inside a process that users run, without a mark
// in its code. Each SIGUSR2 ends one pass and begins the next: plain, profile, allocations; then it writes what it saw.
// Its URL says how: `out`, the file to write; `batch`, the rows of a decision batch where they are to be fewer than a backlog's.
import { subscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { Pipeline } from '../../engine/core/pipeline.ts'
import type { Message, Outcome } from '../../engine/core/ports.ts'
import { KafkaSink } from '../../engine/stream/sink.ts'
import { type Allocations, type CpuShares, mainThreadUs, Witness } from './witness.ts'

/** Bytes over the sockets to one port. */
export interface PortBytes {
  readonly port: number
  readonly sent: number
  readonly received: number
}

/** What the passes found. Counts are of the plain pass. */
export interface Witnessed {
  readonly cpuUs: number
  readonly threadUs: number
  readonly bytes: readonly PortBytes[]
  /** Batches that were decided, and messages in them. */
  readonly batches: number
  readonly decided: number
  /** Sends to the decision topic, and outcomes in them. */
  readonly sends: number
  readonly sent: number
  readonly shares: CpuShares
  readonly profiled: number
  readonly allocations: Allocations
  readonly sampled: number
}

const { searchParams } = new URL(import.meta.url)
const out = searchParams.get('out')
if (isMainThread && out !== null) watch(out, Number(searchParams.get('batch') ?? 'NaN'))

function watch(file: string, batchMax: number): void {
  const sockets = watchSockets()
  const counts = { batches: 0, decided: 0, sends: 0, sent: 0 }
  countBatches(batchMax, counts)
  countSends(counts)
  const witness = new Witness()
  const now = () => ({
    ...counts,
    cpu: process.cpuUsage(),
    threadUs: mainThreadUs(),
    bytes: sockets(),
  })
  const passes = (async (): Promise<Witnessed> => {
    await signalled()
    const first = now()
    await signalled()
    const last = now()
    const shares = await witness.cpu(signalled)
    const profiledUpTo = counts.decided
    const allocations = await witness.allocations(signalled)
    return {
      cpuUs: last.cpu.user - first.cpu.user + last.cpu.system - first.cpu.system,
      threadUs: last.threadUs - first.threadUs,
      bytes: difference(first.bytes, last.bytes),
      batches: last.batches - first.batches,
      decided: last.decided - first.decided,
      sends: last.sends - first.sends,
      sent: last.sent - first.sent,
      shares,
      profiled: profiledUpTo - last.decided,
      allocations: { ...allocations, sites: allocations.sites.slice(0, 60) },
      sampled: counts.decided - profiledUpTo,
    }
  })()
  void passes.then((seen) => {
    writeFileSync(file, JSON.stringify(seen))
    process.stderr.write('witnessed\n')
  })
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGUSR2', () => {
      resolve()
    })
  })
}

/** Bytes so far by port, of connections that are gone too. */
function watchSockets(): () => PortBytes[] {
  const all = new Map<Socket, number>()
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { socket: Socket }
    socket.once('connect', () => all.set(socket, socket.remotePort!))
  })
  return () => {
    const ports = new Map<number, { sent: number; received: number }>()
    for (const [{ bytesWritten, bytesRead }, port] of all) {
      const { sent, received } = ports.get(port) ?? { sent: 0, received: 0 }
      ports.set(port, { sent: sent + bytesWritten, received: received + bytesRead })
    }
    return [...ports].map(([port, bytes]) => ({ port, ...bytes }))
  }
}

function difference(first: readonly PortBytes[], last: readonly PortBytes[]): PortBytes[] {
  return last.map(({ port, sent, received }) => {
    const before = first.find((one) => one.port === port)
    return { port, sent: sent - (before?.sent ?? 0), received: received - (before?.received ?? 0) }
  })
}

/** Decides a backlog's batch in smaller ones, one after the other, where `batchMax` is a number. */
function countBatches(batchMax: number, counts: { batches: number; decided: number }): void {
  const whole = Reflect.get(Pipeline.prototype, 'process')
  Pipeline.prototype.process = async function process(messages: readonly Message[]) {
    const size = Number.isNaN(batchMax) ? messages.length : batchMax
    const outcomes: Outcome[] = []
    for (let first = 0; first < messages.length; first += size) {
      for (const one of await whole.call(this, messages.slice(first, first + size))) {
        outcomes.push(one)
      }
      counts.batches++
    }
    counts.decided += messages.length
    return outcomes
  }
}

function countSends(counts: { sends: number; sent: number }): void {
  const send = Reflect.get(KafkaSink.prototype, 'sendDecisions')
  KafkaSink.prototype.sendDecisions = async function sendDecisions(partition, records) {
    await send.call(this, partition, records)
    counts.sends++
    counts.sent += records.length
  }
}
