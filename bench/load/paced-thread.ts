// Says when calls are due, on time: a thread sleeps until shortly before, the thread that sends goes round its event loop for the
// rest, so that it reads replies meanwhile. Waking is what a sleeper is late by; going round for milliseconds would take the cores
// from what is measured: it took 21 % of one at 400 a second, this takes at most 0.15 ms a call.

import { writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { nowNs, sleepUntil } from './pacing.ts'

const ownPath = fileURLToPath(import.meta.url)
/** What a thread needs to wake and to wake another. */
const earlyNs = 150e3
const wanted = -10

/**
 * Lets this thread, and those that it starts, run before others where the system allows it, and wake when asked rather than some
 * 50 µs later. Returns what came of it, for who reads the figures.
 */
export function preferThread(): string {
  try {
    setPriority(wanted)
  } catch {
    // Said in what is returned.
  }
  const { pid } = process
  let slack = 'woken within the usual slack'
  try {
    writeFileSync(`/proc/${pid}/timerslack_ns`, '1')
    slack = 'woken without slack'
  } catch {
    // Not on Linux, or not allowed.
  }
  return `priority ${getPriority()}, ${slack}`
}

/** Times of one clock, ns, ascending. `onDue(end)`: all before place `end` are due. Resolves when all were. */
export function pace(dueNs: Float64Array, onDue: (end: number) => void): Promise<void> {
  const thread = new Worker(ownPath, { workerData: dueNs })
  let end = 0
  let isRound = false
  return new Promise((resolve, reject) => {
    const go = (): void => {
      const now = nowNs()
      const before = end
      while (end < dueNs.length && dueNs[end]! <= now) end++
      if (end > before) onDue(end)
      // The thread says so again for what is later.
      isRound = end < dueNs.length && dueNs[end]! - nowNs() < 2 * earlyNs
      if (isRound) setImmediate(go)
      else if (end === dueNs.length) resolve()
    }
    thread.on('message', () => {
      if (isRound) return
      isRound = true
      go()
    })
    thread.once('error', reject)
  })
}

if (parentPort !== null) {
  const due = workerData as Float64Array
  for (let next = 0; next < due.length; ) {
    const now = sleepUntil(due[next]! - earlyNs)
    while (next < due.length && due[next]! - earlyNs <= now) next++
    parentPort.postMessage(null)
  }
}
