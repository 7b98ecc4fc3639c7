// The caller, a process of its own: makes HTTP calls when a schedule says that they are due, whatever became of those before,
// and times each from then. It tells how late it was itself.
import { assemble } from '../../engine/assemble.ts'
import { Random } from '../../features/generator/random.ts'
import { answer, settingsOf } from './asked-process.ts'
import type { Called, CallerQuestions, CallerSettings, Calls } from './caller-questions.ts'
import { HandCheck } from './hand-check.ts'
import { HttpCalls, type Reply, requestBytes } from './http-calls.ts'
import { LatencyHistogram } from './latencies.ts'
import { pace, preferThread } from './paced-thread.ts'
import { nowNs } from './pacing.ts'
import { schedule } from './schedule.ts'
import { traffic } from './traffic.ts'
import { type Answered, checkAll } from './verification.ts'

const settings = settingsOf() as CallerSettings
const stream = traffic(settings.traffic, 1)
const kept: Answered[] = []
const priority = preferThread()
/** A thread begins within this. */
const leadNs = 100e6
/** How long the last replies may take. */
const replyMsMax = 30_000

answer<CallerQuestions>({
  call: async (calls) => {
    const due = schedule(calls.phases, 'poisson', calls.seed)
    const values = Array.from(due, () => stream.next().value!.value)
    const requests = values.map((value) => requestBytes(settings.path, value))
    return callAll(calls, due, requests, (at, { body }) => {
      if (calls.isKept) kept.push({ value: values[at]!, timestampMs: Number.NaN, answer: body })
    })
  },
  verify: async ({ files, samples, seed }) => {
    const { mapping, catalog, model } = files
    const models = model === null ? [] : [{ folder: model, share: 0 }]
    const assembly = await assemble({ mapping, catalog, models, policy: null })
    const check = new HandCheck(assembly, { isOfCalls: true })
    for (const one of kept) check.add(one.value, one.timestampMs, one.answer)
    const random = Random.of(seed, 'samples')
    const drawn = Array.from({ length: samples }, () => kept[random.below(kept.length)]!)
    return checkAll(check, drawn)
  },
})

async function callAll(
  { target, patterns }: Calls,
  due: Float64Array,
  requests: readonly Buffer[],
  onReply: (at: number, reply: Reply) => void,
): Promise<Called> {
  const latencies = new LatencyHistogram()
  const late = new LatencyHistogram()
  const statuses: Record<string, number> = {}
  const searches = Object.entries(patterns).map(([name, text]) => [name, new RegExp(text)] as const)
  const found: Record<string, Record<string, number>> = {}
  let replyBytes = 0
  let replies = 0
  const failures: Error[] = []
  const calls = new HttpCalls(target, (error) => failures.push(error))
  const usage = process.cpuUsage()
  const beganNs = nowNs() + leadNs
  const dueNs = due.map((ns) => beganNs + ns)
  let next = 0
  await pace(dueNs, (end) => {
    for (; next < end; next++) {
      const at = next
      late.record(nowNs() - dueNs[at]!)
      calls.call(requests[at]!, (reply) => {
        latencies.record(nowNs() - dueNs[at]!)
        replies++
        replyBytes += reply.body.length
        count(statuses, String(reply.status))
        for (const [name, search] of searches) {
          const match = search.exec(reply.body)
          if (match !== null) count((found[name] ??= {}), match[1] ?? match[0])
        }
        onReply(at, reply)
      })
    }
  })
  for (const untilNs = nowNs() + replyMsMax * 1e6; replies < due.length; ) {
    if (failures.length > 0) throw failures[0]!
    if (nowNs() > untilNs) throw new Error(`${due.length - replies} calls have no reply`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const cpu = process.cpuUsage(usage)
  calls.close()
  return {
    count: due.length,
    latencies: latencies.summary(),
    late: late.summary(),
    statuses,
    found,
    replyBytes,
    cpuUs: cpu.user + cpu.system,
    priority,
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
