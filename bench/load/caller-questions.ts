// What the caller's process is started with and asked. Types only.
import type { Target } from './http-calls.ts'
import type { Latencies } from './latencies.ts'
import type { Phase } from './schedule.ts'
import type { Traffic } from './traffic.ts'
import type { Verified, WorkFiles } from './verification.ts'

export interface CallerSettings {
  readonly traffic: Traffic
  readonly path: string
}

export interface Calls {
  readonly target: Target
  readonly phases: readonly Phase[]
  readonly seed: number
  /** Regular expressions that are looked for in replies, by name; counted by what their first group, else the whole, matched. */
  readonly patterns: Readonly<Record<string, string>>
  /** Replies are kept for `verify`. Of one server only. */
  readonly isKept: boolean
}

export interface Called {
  readonly count: number
  /** From due to the end of the reply. */
  readonly latencies: Latencies
  /** From due to handed to the connection, which may first have to be opened. */
  readonly late: Latencies
  readonly statuses: Readonly<Record<string, number>>
  readonly found: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly replyBytes: number
  /** Of the caller's process meanwhile. */
  readonly cpuUs: number
  /** How it is run, in words: what a figure says depends on it. */
  readonly priority: string
}

export type CallerQuestions = {
  call: [Calls, Called]
  /** Of the kept replies, by hand. */
  verify: [{ readonly files: WorkFiles; readonly samples: number; readonly seed: number }, Verified]
}
