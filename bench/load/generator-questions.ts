// What the generator's process is started with and asked. Types only.
import type { Latencies } from './latencies.ts'
import type { Phase, Shape } from './schedule.ts'
import type { Traffic } from './traffic.ts'

export interface GeneratorSettings {
  /** host:port of the leader of all partitions. */
  readonly broker: string
  readonly partitions: number
  readonly traffic: Traffic
}

export interface Run {
  readonly topic: string
  readonly phases: readonly Phase[]
  readonly shape: Shape
  readonly seed: number
  /** Requests are at least so far apart: what falls due between goes together, and is late by as much. */
  readonly groupUs: number
}

export interface Sent {
  /** Records by partition. */
  readonly sent: readonly number[]
  /** When the schedule began, and when all was acknowledged. */
  readonly beganNs: number
  readonly endedNs: number
  /** From due to handed to the connection. */
  readonly late: Latencies
  /** Of the generator, without making the transactions. */
  readonly cpuUs: number
}

export type GeneratorQuestions = {
  /** Appends as fast as the broker takes it. */
  fill: [{ readonly topic: string; readonly count: number }, Pick<Sent, 'sent'>]
  run: [Run, Sent]
}
