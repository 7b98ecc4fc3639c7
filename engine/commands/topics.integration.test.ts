// `weir topics` as users run it, on a real broker: what it creates, what it finds, what it refuses, and its exit codes.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import kafkajs from 'kafkajs'
import type { SinkTopics } from '../stream/sink.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { test } from '../testing/limited.ts'
import { newNames, TestTopics, testBrokers } from '../testing/topics.ts'

async function weirTopics(names: SinkTopics, ...args: string[]) {
  const kafka = {
    brokers: [testBrokers()],
    transactions: names.transactions,
    decisions: names.decisions,
    dead_letters: names.deadLetters,
  }
  const config = JSON.stringify({ kafka })
  const { code, stdout, stderr } = await new EngineProcess(['topics', ...args], config).ended
  return { code, stdout, stderr }
}

/** Setting of a topic. */
async function settingOf(t: TestContext, topic: string, name: string): Promise<string | undefined> {
  const topics = await TestTopics.make(t, 1)
  const { resources } = await topics.admin((admin) =>
    admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
    }),
  )
  return resources[0]?.configEntries[0]?.configValue
}

test('missing topics are created, decisions with as many partitions, and found by the next run', async () => {
  const names = newNames()
  const made = await weirTopics(names, '--partitions', '5', '--replicas', '1')
  assert.equal(made.code, 0, made.stderr)
  assert.deepEqual(made.stdout.trimEnd().split('\n'), [
    `${names.transactions}: 5 partitions (created)`,
    `${names.decisions}: 5 partitions (created)`,
    `${names.deadLetters}: 1 partitions (created)`,
  ])
  assert.match(made.stderr, /next: weir stream/)
  const found = await weirTopics(names, '--partitions', '7')
  assert.equal(found.code, 0, found.stderr)
  assert.match(found.stdout, new RegExp(`^${names.transactions}: 5 partitions$`, 'm'))
})

test('--check creates nothing, and what is missing is told with exit code 1', async () => {
  const names = newNames()
  for (let run = 0; run < 2; run++) {
    const { code, stdout, stderr } = await weirTopics(names, '--check')
    assert.equal(code, 1)
    assert.match(stdout, new RegExp(`^${names.decisions}: missing$`, 'm'))
    assert.match(stderr, new RegExp(`${names.decisions}: expected a topic, found none`))
  }
})

test('an existing transactions topic is mirrored as it is', async (t) => {
  const { transactions } = await TestTopics.make(t, 3)
  const names = { ...newNames(), transactions }
  const { code, stdout, stderr } = await weirTopics(names)
  assert.equal(code, 0, stderr)
  assert.match(stdout, new RegExp(`^${names.decisions}: 3 partitions \\(created\\)$`, 'm'))
})

test('topics that do not mirror each other are not changed, and told with exit code 1', async (t) => {
  const [three, two] = [await TestTopics.make(t, 3), await TestTopics.make(t, 2)]
  const { transactions, deadLetters } = three
  const names = { transactions, decisions: two.decisions, deadLetters }
  for (const args of [[], ['--check']]) {
    const { code, stdout, stderr } = await weirTopics(names, ...args)
    assert.equal(code, 1)
    assert.match(stdout, new RegExp(`^${two.decisions}: 2 partitions$`, 'm'))
    assert.match(stderr, /expected 3 partitions as t-\w+ has, found 2/)
  }
})

test('the decision topic is never compacted, whatever the brokers would do', async (t) => {
  const names = newNames()
  await weirTopics(names, '--partitions', '1')
  assert.equal(await settingOf(t, names.decisions, 'cleanup.policy'), 'delete')
})

test('what is asked wrongly has exit code 2, brokers that are away or too few 1', async () => {
  const names = newNames()
  const both = await weirTopics(names, '--check', '--partitions', '3')
  assert.equal(both.code, 2)
  assert.match(both.stderr, /--partitions: expected it without --check/)
  const none = await weirTopics(names, '--partitions', '0')
  assert.equal(none.code, 2)
  const away = { KAFKA_BROKERS: '127.0.0.1:1' }
  const { code, stderr } = await new EngineProcess(['topics', '--check'], null, away).ended
  assert.equal(code, 1)
  assert.match(stderr, /asking the brokers: .*ECONNREFUSED[^]*kafka_unavailable/)
  const few = await weirTopics(names, '--replicas', '3')
  assert.equal(few.code, 1)
  assert.match(few.stderr, /creating t-\w+: .*Replication[^]*kafka_refused/)
})
