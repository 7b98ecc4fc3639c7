// Whoever writes three wrong documents is told all that is wrong with them at once, by every command that reads them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CommandRun, runCommand } from '../testing/command-run.ts'
import { backfillLine, runBackfill } from './backfill.ts'
import { command } from './command.ts'
import { featuresLine, runFeatures } from './features.ts'
import { replayLine, runReplay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-documents-'))
after(() => {
  rmSync(folder, { recursive: true })
})

function write(name: string, ...lines: readonly string[]): void {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
}

const mapping = [
  'id: id', // 1
  'time: { field: time, as: iso }', // 2
  'amount: { field: amount, decimals: 2 }', // 3
  'currency: { field: currency, rates: rates.yaml }', // 4
  'primary: card', // 5
  'entities: { card: card, merchant: merchant }', // 6
]
write('history.jsonl', '{}')
write('good-map.yaml', ...mapping.with(3, 'currency: { const: EUR }'))
write('map.yaml', ...mapping.with(0, 'idd: id').with(4, 'primary: crad'))
write('rates.yaml', 'base: EUR', 'rates: { USD: -1 }')
write('catalog.yaml', 'features:', '  - { name: a, entity: card, aggregate: count, window: 0d }')
write('policy.yaml', 'thresholds: { review: 0.9, deny: 0.5 }', 'defalt: deny')
write('broken.yaml', 'features: [')
write('weir.yaml', 'hash_key: "00112233445566778899aabbccddeeff"')

const commands = [
  command(replayLine, runReplay),
  command(backfillLine, runBackfill),
  command(featuresLine, runFeatures),
]

function run(text: string): Promise<CommandRun> {
  return runCommand(text.split(' '), commands, folder)
}

/** The block of errors without its head and help, folders cut off. */
function faultsOf({ stderr }: CommandRun): string[] {
  return stderr
    .split('\n')
    .filter((line) => line.includes('.yaml:'))
    .map((line) => line.trim().replace(`${folder}/`, '').split(': expected')[0]!)
}

const inMapping = [
  'map.yaml:1: idd',
  'map.yaml:1: id',
  'map.yaml:5: primary',
  'rates.yaml:2: rates.USD',
]
const inCatalog = ['catalog.yaml:2: features[0].window']
const inPolicy = ['policy.yaml:1: thresholds.review', 'policy.yaml:2: defalt']

test('replay ends with 2 and all faults of mapping, rates, catalog and policy', async () => {
  const text =
    'replay --input history.jsonl --map map.yaml --catalog catalog.yaml --policy policy.yaml'
  const ended = await run(text)
  assert.equal(ended.exitCode, 2)
  assert.equal(ended.stdout, '')
  assert.deepEqual(faultsOf(ended), [...inMapping, ...inCatalog, ...inPolicy])
  assert.match(ended.stderr, /idd: .*found "idd" \(did you mean id\?\)/)
  assert.match(ended.stderr, /primary: .*\(did you mean card\?\)/)
  assert.match(ended.stderr, /defalt: .*\(did you mean default\?\)/)
  assert.match(ended.stderr, /document_invalid: Correct the named lines/)
})

test('backfill and features end with 2 and all faults of mapping, rates and catalog', async () => {
  const files = '--map map.yaml --catalog catalog.yaml'
  for (const text of [`backfill --input history.jsonl ${files}`, `features ${files}`]) {
    const ended = await run(text)
    assert.equal(ended.exitCode, 2)
    assert.deepEqual(faultsOf(ended), [...inMapping, ...inCatalog])
  }
})

test('what the mapping lacks is told together with the faults of the catalog itself', async () => {
  write(
    'lacking.yaml',
    'features:',
    '  - { name: a, entity: crad, aggregate: count, window: 1 day }',
    '  - { name: b, entity: card, aggregate: distinct, of: mechant, window: 1d, where: { chanel: x } }',
    '  - { name: c, entity: [card, merchnt], aggregate: speed, window: 1d }',
    'exact:',
    '  merchnt: 4096',
    '  shop: 4096',
  )
  const ended = await run('features --map good-map.yaml --catalog lacking.yaml')
  assert.equal(ended.exitCode, 2)
  assert.deepEqual(faultsOf(ended), [
    'lacking.yaml:2: features[0].window',
    'lacking.yaml:2: features[0].entity',
    'lacking.yaml:3: features[1].where',
    'lacking.yaml:3: features[1].of',
    'lacking.yaml:4: features[2].entity',
    'lacking.yaml:4: features[2].aggregate',
    'lacking.yaml:6: exact.merchnt',
    'lacking.yaml:7: exact.shop',
  ])
  assert.match(ended.stderr, /\(did you mean card\?\)[^]*mean merchant\?/)
})

test('the number of an entity is said once', async () => {
  const ended = await run('features --map good-map.yaml --entities card=5,card=6')
  assert.equal(ended.exitCode, 2)
  assert.match(ended.stderr, /--entities: expected each kind once, found card=6/)
})

test('a document that is no YAML is told together with the faults of the others', async () => {
  const ended = await run('features --map map.yaml --catalog broken.yaml')
  assert.equal(ended.exitCode, 2)
  assert.deepEqual(faultsOf(ended).slice(0, 4), inMapping)
  assert.match(faultsOf(ended)[4]!, /^broken\.yaml:\d: \(document\)$/)
})

test('rates that are not there are a fault of the mapping', async () => {
  write('away.yaml', ...mapping.with(3, 'currency: { field: currency, rates: nowhere.yaml }'))
  const ended = await run('features --map away.yaml')
  assert.equal(ended.exitCode, 2)
  assert.match(
    ended.stderr,
    /away\.yaml:4: currency\.rates: expected a file that exists, or as_is, found "nowhere\.yaml"/,
  )
})

test('features prints what a catalog computes and ends with 0, also as JSON', async () => {
  const text = await run('features --map good-map.yaml --rate 10 --days 2')
  assert.equal(text.exitCode, 0)
  assert.match(text.stdout, /^card_count_1m +count per card over 1m +[0-9a-f]{16}$/m)
  assert.match(text.stdout, /^device_count_1h .* absent$/m)
  assert.match(text.stdout, /^10 transactions\/s kept for 2 days: /m)
  assert.match(text.stderr, /^next: weir replay/m)
  const json = await run('features --map good-map.yaml --json')
  const document = JSON.parse(json.stdout) as { features: object[]; namespace: string }
  assert.equal(document.features.length, 51)
  assert.match(document.namespace, /^[0-9a-f]{8}$/)
})
