// Claims about what the commands of history and stream can be asked, and how they refuse.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Environment, loadConfig } from '../config.ts'
import { backfillLine } from './backfill.ts'
import type { CommandLine } from './command.ts'
import { Flags, type FlagValues } from './flags.ts'
import { replayLine } from './replay.ts'
import { generatedMessages, streamLine } from './stream.ts'
import { topicsLine } from './topics.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-commands-'))
after(() => {
  rmSync(folder, { recursive: true })
})
for (const name of ['history.csv', 'map.yaml']) writeFileSync(join(folder, name), '')

/** Everything configured, so that only the flags can be wrong. */
const whole = { KAFKA_BROKERS: 'kafka:9092', WEIR_SOURCE: 'map.yaml' }

function ask<Options>(
  line: CommandLine<Options>,
  values: FlagValues,
  environment: Environment = whole,
) {
  const flags = new Flags(values, folder)
  const options = line.parse(flags, loadConfig({ environment, folder }))
  return { options, faults: flags.faults }
}

function faultsOf<Options>(
  line: CommandLine<Options>,
  values: FlagValues,
  environment?: Environment,
): string {
  return ask(line, values, environment).faults.join('\n')
}

test('replay reads a file, the generator or a range of a topic', () => {
  const file = ask(replayLine, { '--input': 'history.csv', '--limit': '10' })
  assert.deepEqual(file, {
    options: {
      input: { kind: 'file', file: join(folder, 'history.csv') },
      messagesMax: 10,
      decisionsOut: null,
      featuresOut: null,
      facts: [],
    },
    faults: [],
  })
  const generator = ask(replayLine, { '--input': 'generator', '--limit': '5', '--seed': '9' }, {})
  assert.deepEqual(generator.options.input, { kind: 'generator', seed: 9 })
  assert.deepEqual(generator.faults, [])
  const topic = ask(replayLine, { '--input': 'kafka:t', '--from': '0:5, 2:7', '--to': '100' })
  assert.deepEqual(topic.faults, [])
  assert.deepEqual(topic.options.input, {
    kind: 'topic',
    topic: 't',
    from: new Map([
      [0, 5],
      [2, 7],
    ]),
    to: 100,
  })
  assert.equal(topic.options.messagesMax, Number.POSITIVE_INFINITY)
})

test('replay says what is missing', () => {
  assert.match(
    faultsOf(replayLine, {}),
    /--input: expected a file, kafka:<topic> or generator, found nothing/,
  )
  assert.match(
    faultsOf(replayLine, { '--input': 'nowhere.csv' }),
    /--input: expected a file that exists/,
  )
  assert.match(
    faultsOf(replayLine, { '--input': 'history.csv' }, {}),
    /--map: expected the mapping/,
  )
  assert.match(
    faultsOf(replayLine, { '--input': 'kafka:t' }, { WEIR_SOURCE: 'map.yaml' }),
    /brokers/,
  )
  assert.match(
    faultsOf(replayLine, { '--input': 'generator' }),
    /--limit: expected it with --input generator/,
  )
})

test('replay refuses what does not go together', () => {
  const input = { '--input': 'history.csv' }
  assert.match(faultsOf(replayLine, { ...input, '--from': '5' }), /--from: .*kafka:<topic> only/)
  assert.match(faultsOf(replayLine, { ...input, '--seed': '5' }), /--seed: .*generator only/)
  assert.match(faultsOf(replayLine, { '--input': 'kafka:t', '--from': '0:1,0:2' }), /each once/)
  assert.match(
    faultsOf(replayLine, { '--input': 'kafka:t', '--to': '-1' }),
    /an offset such as 100/,
  )
  assert.match(faultsOf(replayLine, { '--input': 'kafka:' }), /the name of a topic/)
  assert.match(
    faultsOf(replayLine, { ...input, '--limit': '0' }),
    /--limit: expected a whole number/,
  )
})

test('results go to a file of a known ending in a folder that exists, or to stdout', () => {
  const input = { '--input': 'history.csv' }
  const { options, faults } = ask(replayLine, {
    ...input,
    '--decisions-out': '-',
    '--features-out': 'rows.csv',
  })
  assert.deepEqual(faults, [])
  assert.equal(options.decisionsOut, '-')
  assert.equal(options.featuresOut, join(folder, 'rows.csv'))
  assert.match(
    faultsOf(replayLine, { ...input, '--features-out': 'rows.xlsx' }),
    /ending in .parquet or .csv or .jsonl/,
  )
  assert.match(
    faultsOf(replayLine, { ...input, '--decisions-out': 'no/where.jsonl' }),
    /a folder that exists/,
  )
  const both = { ...input, '--decisions-out': 'a.jsonl', '--features-out': 'a.jsonl' }
  assert.match(faultsOf(replayLine, both), /another place than --decisions-out/)
})

test('several faults are told together', () => {
  const faults = faultsOf(replayLine, { '--from': 'x', '--limit': 'y', '--features-out': 'z' }, {})
  assert.equal(faults.split('\n').length, 5)
})

test('backfill asks for the same inputs', () => {
  assert.deepEqual(ask(backfillLine, { '--input': 'kafka:t' }).faults, [])
  assert.match(faultsOf(backfillLine, {}), /--input/)
})

test('stream takes its topics where there are brokers, and is embedded where there are none', () => {
  assert.deepEqual(ask(streamLine, {}).options, {
    input: null,
    messagesMax: Number.POSITIVE_INFINITY,
    decisionsOut: null,
    isPrintConfig: false,
  })
  const { options, faults } = ask(streamLine, {}, {})
  assert.deepEqual(faults, [])
  assert.deepEqual(options.input, { kind: 'generator', seed: 1 })
  assert.equal(options.messagesMax, generatedMessages)
  assert.deepEqual(ask(streamLine, { '--seed': '4' }).options.input, { kind: 'generator', seed: 4 })
})

test('stream embeds a file also where there are brokers', () => {
  const { options, faults } = ask(streamLine, { '--input': 'history.csv' })
  assert.deepEqual(faults, [])
  assert.deepEqual(options.input, { kind: 'file', file: join(folder, 'history.csv') })
  assert.equal(options.messagesMax, Number.POSITIVE_INFINITY)
})

test('stream refuses to read a topic by hand, or to write files while it streams from Kafka', () => {
  assert.match(faultsOf(streamLine, { '--input': 'kafka:t' }), /topics are in the configuration/)
  assert.match(faultsOf(streamLine, { '--decisions-out': 'd.jsonl' }), /with --input only/)
  assert.match(faultsOf(streamLine, { '--limit': '5' }), /with --input only/)
  assert.match(faultsOf(streamLine, { '--input': 'history.csv' }, {}), /--map/)
})

test('topics needs brokers, and creates nothing where it only checks', () => {
  const { options, faults } = ask(topicsLine, { '--partitions': '12' })
  assert.deepEqual(faults, [])
  assert.deepEqual(options, { partitions: 12, replicas: null, isCheckOnly: false })
  assert.match(faultsOf(topicsLine, {}, {}), /expected brokers/)
  assert.match(faultsOf(topicsLine, { '--check': true, '--replicas': '3' }), /without --check/)
})

test('every command has an example of its own and a next step', () => {
  for (const line of [streamLine, replayLine, backfillLine, topicsLine] as CommandLine<unknown>[]) {
    assert.ok(line.examples.length > 0)
    for (const example of line.examples)
      assert.match(example, new RegExp(`\\bweir ${line.name}\\b`))
    assert.match(line.details, /\.$/)
  }
})
