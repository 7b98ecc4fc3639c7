// The standard work's windows kept in Redis in several ways: journals (ours), sorted sets, counters in Lua. Each has a Redis of its
// own and takes the same transactions in slices, in turn, so that whatever else the machine does is shared between them.
// Usage: redis-ways.js <batch> <history> <measured>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StandardOracle } from '../standard/oracle.ts'
import { writeStandard } from '../standard/standard.ts'
import {
  latenessMsMax,
  type StandardTransaction,
  standardOptions,
  standardTransactions,
} from '../standard/transactions.ts'
import { tell } from '../variant.ts'
import { Contender, countersSetting, exactCap, heldBytesMax, kindsOf } from './contender.ts'

const [batchText = '16', historyText = '90000', measuredText = '9600'] = process.argv.slice(2)
const batchRows = Number(batchText)
const slices = 6
/** The naive oracle looks at one of so many. */
const checkEvery = 8
const writers = 8
const writesEach = 128

const endless = standardTransactions()
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-rivals-'))
const work = await writeStandard(folder)
const contenders: Contender[] = []
for (const [name, kind] of Object.entries(kindsOf(work))) {
  contenders.push(await Contender.open(name, kind, batchRows))
}
const history = take(Number(historyText))
const measured = take(Number(measuredText))

const oracle = new StandardOracle()
for (const transaction of history) oracle.add(transaction)
for (const { way } of contenders) await way.fill(history)
for (const contender of contenders) contender.begin()
await decideInTurn()
const measures: Record<string, number> = { decision_batch: batchRows }
const wrong: string[] = []
for (const contender of contenders) await account(contender)
for (const { name, cpuUs } of contenders.slice(1)) {
  measures[`${name}_by_journals_cpu`] = cpuUs / contenders[0]!.cpuUs
}
const version = await contenders[0]!.version()
for (const contender of contenders) await contender.close()
rmSync(folder, { recursive: true })
tell({
  measures,
  configuration: {
    redis: `${version}, one process for each way, loopback TCP, nothing saved`,
    journals: `one bucket, ${heldBytesMax / 2 ** 20} MiB of held journals, default cap`,
    journals_exact: `the same with an exact tail of at least ${exactCap} records, which holds the longest window of the busiest merchant`,
    sorted_sets:
      'one set an entity for all windows, members of 15 bytes with amount and time, ZADD and ZRANGEBYSCORE, ' +
      'ZREMRANGEBYSCORE and PEXPIRE by one transaction of sixteen, packed by hand, one write a batch, summed by the client',
    sorted_sets_atomic: 'the same between MULTI and EXEC, a batch at a time',
    counters: `one FCALL a batch, a hash an entity: packed totals, rings of 60 panes a window; ${countersSetting.join(' ')}`,
    history: `${history.length} transactions, ${standardOptions.stepMs} ms apart on average`,
  },
  void: wrong,
})

async function decideInTurn(): Promise<void> {
  const size = Math.ceil(measured.length / slices / batchRows) * batchRows
  for (let first = 0; first < measured.length; first += size) {
    const slice = measured.slice(first, first + size)
    const expected = slice.map((transaction, at) => {
      const features = at % checkEvery === 0 ? oracle.features(transaction) : null
      oracle.add(transaction)
      return features
    })
    const order = (first / size) % 2 === 0 ? contenders : contenders.toReversed()
    for (const contender of order) await contender.decide(slice, expected)
  }
}

async function account(contender: Contender): Promise<void> {
  const { name } = contender
  const own = await contender.measures(history.length + measured.length)
  const again = await contender.differingAgain()
  const timeMs = measured.at(-1)!.timeMs + 2 * latenessMsMax
  const unseen = await contender.unseenAtOnce(writers, writesEach, timeMs)
  const all = { ...own, sent_again_differing_share: again, at_once_unseen_share: unseen }
  for (const [measure, value] of Object.entries(all)) measures[`${name}_${measure}`] = value
  if (!name.startsWith('journals')) return
  if (own['differing_unmarked_share'] !== 0)
    wrong.push(`${name}: a row differs and does not say so`)
  if (again !== 0) wrong.push(`${name}: transactions that were sent again have other rows`)
  if (unseen !== 0) wrong.push(`${name}: several writers did not see 0 to N − 1`)
}

function take(count: number): StandardTransaction[] {
  return Array.from({ length: count }, () => ({ ...endless.next().value, json: '' }))
}
