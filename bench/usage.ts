// What another process has used so far, as Linux tells it.
import { readFileSync } from 'node:fs'

/** Ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const tickUs = 10_000

/** CPU time of all its threads, user and system, and resident memory. */
export function processUsage(pid: number): { cpuUs: number; rssMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const rssKb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
  return { cpuUs: (Number(fields[11]) + Number(fields[12])) * tickUs, rssMb: rssKb / 1024 }
}
