// Claims about `weir capacity` as its user runs it: what it needs said, what it refuses, and that nothing is put in unsaid.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { assumptions } from '../../engine/commands/capacity.ts'
import { EngineProcess } from '../../engine/testing/engine-process.ts'
import type { Assumed } from './assumptions.ts'
import type { CapacityReport } from './report.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-capacity-'))
after(() => {
  rmSync(folder, { recursive: true })
})

const machine = { cpu: 'Test', cores: 2, memoryGiB: 8, kernel: '6', node: 'v20' }

/** A ledger of one variant, in a file. */
function ledgerOf(name: string, measures: Record<string, number>): string {
  const file = join(folder, `${name.replaceAll('/', '-')}.json`)
  const run = { measures, calibrationUs: null, stalls: null }
  const variant = { name, about: '', commit: 'abc', date: '2026-01-01', versions: {}, runs: [run] }
  writeFileSync(file, JSON.stringify({ machine, flags: [], variants: [variant] }))
  return file
}

const standard = ledgerOf('ledger/kafka-64', {
  engine_cpu_us_per_decision: 50,
  redis_cpu_us_per_decision: 20,
  bytes_to_redis_per_decision: 500,
  bytes_from_redis_per_decision: 100,
  bytes_from_kafka_per_decision: 420,
  bytes_to_kafka_per_decision: 2100,
})

function run(...args: readonly string[]) {
  return new EngineProcess(['capacity', ...args], null, {
    KAFKA_BROKERS: undefined,
    REDIS_URL: undefined,
  }).ended
}

const asMeasured = ['--ledger', standard, '--entities', '4', '--features', '40']

test('pods and shards follow from the ledger, and a flag takes its place', async () => {
  const { code, stdout, stderr } = await run('--rate', '160000', ...asMeasured, '--json')
  assert.equal(code, 0, stderr)
  const { capacity } = JSON.parse(stdout) as CapacityReport
  // 16,000 decisions a second each, at 80 %.
  assert.equal(capacity.pods, 10)
  assert.equal(capacity.shardsByCpu, 4)
  const said = await run('--rate', '160000', ...asMeasured, '--json', '--engine-us', '100')
  const other = JSON.parse(said.stdout) as CapacityReport
  assert.equal(other.capacity.pods, 20)
})

test('every assumption is printed with its flag and where it came from', async () => {
  const args = ['--rate', '1000', ...asMeasured, '--subscribers', '3', '--buckets', '16']
  const { stdout } = await run(...args)
  for (const name of Object.keys(assumptions).filter((one) => one !== 'held')) {
    assert.match(stdout, new RegExp(`^--${name} `, 'm'))
  }
  assert.match(stdout, /^--subscribers +3 +groups +given$/m)
  assert.match(
    stdout,
    /^--engine-us +50 .*ledger\/kafka-64: engine_cpu_us_per_decision, 2026-01-01/m,
  )
  const json = await run(...args, '--json')
  const { assumed } = JSON.parse(json.stdout) as { assumed: Assumed[] }
  assert.ok(assumed.every(({ from }) => from !== ''))
})

test('without a number of entities memory goes by records, with all of them by journals', async () => {
  const counts = 'card=1000000,merchant=1000,device=1000000,ip=1000000'
  const { stdout } = await run('--rate', '1000', ...asMeasured, '--days', '1', '--counts', counts)
  assert.match(stdout, /^records of a card +86 +records /m)
  assert.match(stdout, /^records of a merchant +2,048 +records +longer ones are summed up$/m)
  const some = await run('--rate', '1000', ...asMeasured, '--counts', 'card=5')
  assert.equal(some.code, 2)
  assert.match(some.stderr, /expected a number of each of .*, found none of /)
  const unknown = await run('--rate', '1000', ...asMeasured, '--counts', 'crad=5')
  assert.match(unknown.stderr, /--counts: expected .*found crad \(did you mean card\?\)/)
})

test('what was asked wrongly is told together: field, expected, found, what to do', async () => {
  const { code, stdout, stderr } = await run(
    '--rate',
    '0',
    '--days',
    '1.5',
    '--ledger',
    'nowhere.json',
  )
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /--rate: expected a whole number from 1 to 100000000, found "0"/)
  assert.match(stderr, /--days: expected a whole number from 1 to 3650, found "1.5"/)
  assert.match(
    stderr,
    /--ledger: expected a file that weir bench has written, found .*nowhere\.json/,
  )
  const without = await run()
  assert.equal(without.code, 2)
  assert.match(without.stderr, /--rate: expected transactions per second, found nothing/)
})

test('a ledger of another catalog is refused, and says of which it is', async () => {
  const { code, stderr } = await run('--rate', '1000', '--ledger', standard)
  assert.equal(code, 2)
  assert.match(
    stderr,
    /expected a ledger of 4 entities and \d+ features, found one of 4 entities and 40 features/,
  )
  assert.match(stderr, /name the nearest with --entities and --features, or .*--engine-us/)
})

test('a file that is no ledger, or lacks the costs of a stream, is refused', async () => {
  const file = join(folder, 'other.json')
  writeFileSync(file, '{"machine": 1}')
  const other = await run('--rate', '1000', '--ledger', file)
  assert.equal(other.code, 2)
  assert.match(other.stderr, /--ledger: .*other\.json: expected results of weir bench/)
  const memory = ledgerOf('ledger/in-memory-64', { engine_cpu_us_per_decision: 40 })
  const lacking = await run('--rate', '1000', '--ledger', memory)
  assert.equal(lacking.code, 2)
  assert.match(lacking.stderr, /expected what an engine costs on Kafka, found none/)
})

test('another batch, or another share of held journals, only where it was measured', async () => {
  const { code, stderr } = await run('--rate', '1000', ...asMeasured, '--batch', '16')
  assert.equal(code, 2)
  assert.match(stderr, /--batch: expected a decision batch that was measured \(64\), found 16/)
  const held = await run('--rate', '1000', ...asMeasured, '--held', '50')
  assert.equal(held.code, 2)
  assert.match(
    held.stderr,
    /--held: expected costs of held and of cold journals in the ledger, found none/,
  )
})

test('the ledger that ships with Weir is enough to begin with', async () => {
  const { code, stdout, stderr } = await run('--rate', '256000')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^engine pods +\d+ /m)
  assert.match(stderr, /next: weir bench/)
})

test('the commands of docs/capacity.md run, and print what the page shows but for the figures', async () => {
  const page = readFileSync(new URL(import.meta.resolve('#root/docs/capacity.md')), 'utf8')
  const blocks = [...page.matchAll(/^```\n\$ weir (capacity[^\n]*)\n([\s\S]*?)^```$/gm)]
  assert.ok(blocks.length > 1)
  for (const [, command = '', shown = ''] of blocks) {
    const { code, stdout, stderr } = await run(...command.split(' ').slice(1))
    assert.equal(code, 0, stderr)
    const needed = (text: string): string[] =>
      text.split('\n').map((line) => line.slice(0, 17).trim())
    assert.deepEqual(needed(stdout).slice(2, 13), needed(shown).slice(2, 13), command)
  }
})
