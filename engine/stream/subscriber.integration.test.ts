// The subscriber of docs/subscriber.md, as it stands there, on a real broker: it acts once on each decision, whatever was sent
// again and however often it was started.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { processEnvironment } from '../config.ts'
import { TestTopics } from '../testing/topics.ts'
import { type NewRecord, send } from './kafka.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const guide = readFileSync(join(root, 'docs/subscriber.md'), 'utf8')
const program = /```js\n(.*?)```/s.exec(guide)![1]!

/** The program of the guide in a process of its own; what it prints, line by line. */
class Subscriber {
  readonly #child
  readonly #ended: Promise<number | null>
  readonly #waiting = new Set<() => void>()
  #output = ''
  #errors = ''

  constructor({ brokers, decisions }: TestTopics) {
    const env = {
      ...processEnvironment(),
      KAFKA_BROKERS: brokers,
      DECISIONS: decisions,
      GROUP: `g-${decisions}`,
    }
    const args = ['--input-type=module', '--eval', program]
    const child = spawn(process.execPath, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString()
      for (const check of this.#waiting) check()
    })
    child.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()))
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('close', resolve)
    })
  }

  /** The ids that it has acted on, once `last` is among them. */
  async until(last: string): Promise<string[]> {
    const ids = (): string[] => this.#acted().map((line) => line.split(' ')[1]!)
    const isThere = new Promise<void>((resolve) => {
      const check = (): void => {
        if (ids().includes(last)) resolve()
      }
      this.#waiting.add(check)
      check()
    })
    const died = this.#ended.then((code) => assert.fail(`ended with ${code}: ${this.#errors}`))
    await Promise.race([isThere, died])
    return ids()
  }

  /** What it printed; its client's own log lines are JSON. */
  #acted(): string[] {
    return this.#output.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    assert.equal(await this.#ended, 0, this.#errors)
  }
}

function outcome(source: number, type = 'decision'): NewRecord {
  const id = `t${source}`
  const evidence = [
    {
      code: 'amount',
      text: null,
      outward: null,
      feature: 'amount',
      value: 1,
      mean: 1,
      contribution: 0.5,
    },
  ]
  const value = JSON.stringify({ type, id, outcome: 'approve', score: 0.25, evidence })
  return { key: Buffer.from(id), value, headers: { 'weir-source-offset': String(source) } }
}

async function publish(topics: TestTopics, partition: number, records: NewRecord[]): Promise<void> {
  const producer = topics.client.producer()
  await producer.connect()
  // One by one: a crash leaves whole sends that come again.
  for (const record of records) await send(producer, topics.decisions, partition, [record])
  await producer.disconnect()
}

test('the subscriber of the guide acts once on each decision, over repeats and a restart', async (t) => {
  const topics = await TestTopics.make(t, 2)
  const first = [
    outcome(0),
    outcome(1),
    outcome(2, 'duplicate'),
    outcome(3, 'rejected'),
    outcome(5),
  ]
  await publish(topics, 0, [...first, outcome(1), outcome(2, 'duplicate'), outcome(5), outcome(6)])
  const subscriber = new Subscriber(topics)
  assert.deepEqual(await subscriber.until('t6'), ['t0', 't1', 't5', 't6'])
  // Another partition counts its own offsets.
  await publish(topics, 1, [outcome(0), outcome(0), outcome(4)])
  assert.deepEqual((await subscriber.until('t4')).slice(4), ['t0', 't4'])
  await subscriber.stop()

  await publish(topics, 0, [outcome(5), outcome(6), outcome(7)])
  const again = new Subscriber(topics)
  assert.deepEqual(await again.until('t7'), ['t7'])
  await again.stop()
})
