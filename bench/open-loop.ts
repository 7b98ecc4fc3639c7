// Calls at times that were fixed before: Poisson arrivals, sent when they are due whatever became of those before, each timed
// from when it was due. A late generator is told apart from a late server by its own lateness.
import { Agent, request } from 'node:http'
import { systemClock } from '../engine/clock.ts'
import { Random } from '../features/generator/random.ts'

export type Target = { readonly port: number } | { readonly socketPath: string }

export interface Load {
  readonly bodies: readonly Buffer[]
  readonly callsPerSecond: number
  readonly seed: number
}

export interface Measured {
  /** From due to the reply's end, ascending. */
  readonly latencyUs: Float64Array
  /** From due to sent, ascending. */
  readonly lateUs: Float64Array
  readonly replyBytes: number
}

/** Connections are opened as they are needed and kept: as many as calls were ever open at once, at most so many. */
const connectionsMax = 64
/** More than a timer is late. */
const spinMs = 1.2

/** `check` is given status and body of each reply, and its place. Rejects when a call fails. */
export async function openLoop(
  target: Target,
  { bodies, callsPerSecond, seed }: Load,
  check: (status: number, body: string, at: number) => void,
): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: connectionsMax })
  const dueUs = schedule(bodies.length, callsPerSecond, seed)
  const latencyUs = new Float64Array(bodies.length)
  const lateUs = new Float64Array(bodies.length)
  let replyBytes = 0
  const beganUs = systemClock.monotonicUs() + 1000
  const calls: Promise<void>[] = []
  for (let at = 0; at < bodies.length; at++) {
    const due = beganUs + dueUs[at]!
    await until(due)
    lateUs[at] = systemClock.monotonicUs() - due
    calls.push(
      post(target, agent, bodies[at]!).then(({ status, body }) => {
        latencyUs[at] = systemClock.monotonicUs() - due
        replyBytes += body.length
        check(status, body, at)
      }),
    )
  }
  await Promise.all(calls)
  agent.destroy()
  return { latencyUs: latencyUs.sort(), lateUs: lateUs.sort(), replyBytes }
}

/** Sleeps, then spins through the event loop: timers are late by up to a millisecond, and spinning takes from the server. */
async function until(dueUs: number): Promise<void> {
  const leftMs = (dueUs - systemClock.monotonicUs()) / 1000 - spinMs
  if (leftMs >= 1) await new Promise((resolve) => setTimeout(resolve, leftMs))
  while (systemClock.monotonicUs() < dueUs) await new Promise((resolve) => setImmediate(resolve))
}

/** Of ascending numbers; `share` of them are at most so large. */
export function quantile(ascending: Float64Array, share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))]!
}

function schedule(count: number, perSecond: number, seed: number): Float64Array {
  const random = Random.of(seed, 'arrivals')
  const due = new Float64Array(count)
  let atUs = 0
  for (let call = 0; call < count; call++) {
    atUs += random.exponential(1e6 / perSecond)
    due[call] = atUs
  }
  return due
}

function post(
  target: Target,
  agent: Agent,
  body: Buffer,
): Promise<{ status: number; body: string }> {
  const place = 'port' in target ? { host: '127.0.0.1', port: target.port } : target
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const path = '/v1/decisions'
  return new Promise((resolve, reject) => {
    const sent = request({ ...place, path, agent, method: 'POST', headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: text })
      })
    })
    sent.once('error', reject)
    sent.end(body)
  })
}
