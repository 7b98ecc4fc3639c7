// The driver and its outboxes through many seeded histories of one partition: engines that take over cleanly or not, that
// are frozen and come back, that die, over a decision topic that loses and delays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Random } from '../../features/generator/random.ts'
import { systemClock } from '../clock.ts'
import type { Message, Outcome } from '../core/ports.ts'
import { DecisionLog, plainDecision } from '../testing/decision-log.ts'
import { StreamDriver } from './driver.ts'
import type { OutboxPort } from './outbox.ts'
import type { SourceControl } from './source.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const batchMax = 8
const outboxMax = 30

/** A driver, and its source: the input partition holds every offset below `end`. */
class Engine implements SourceControl {
  readonly driver: StreamDriver
  readonly running: Promise<void>
  readonly #log: DecisionLog
  readonly #random: Random
  isPaused = false
  #isBusy = false
  /** Of the next message to hand over; null without an assignment. */
  #position: number | null = null

  constructor(decisions: DecisionLog, random: Random, faultRate: number) {
    this.#log = decisions
    this.#random = random
    const port: OutboxPort = decisions.port(faultRate)
    this.driver = new StreamDriver({
      processor: { process: (messages) => this.#process(messages) },
      port,
      resumeAt: () => decisions.resumeAt(),
      prepare: () => this.#work(),
      onAssigned: () => {
        assert.equal(this.#isBusy, false, 'reset in the middle of a batch')
      },
      isRetriable: () => false,
      batchMax,
      backlogBatchMax: 2 * batchMax,
      outboxMax,
      orderWaitMs: 60_000,
      sendBatchMax: 10,
      commitIntervalMs: 1,
      drainMsMax: 60_000,
      clock: systemClock,
      log,
    })
    this.running = this.driver.run(this)
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  commit(offsets: ReadonlyMap<number, number>): Promise<boolean> {
    assert.ok(offsets.get(0)! <= this.#log.greatest + 1, 'committed what is not in the log')
    return Promise.resolve(true)
  }

  async join(): Promise<void> {
    this.#position = null
    this.#position = (await this.driver.assigned([0])).get(0) ?? null
  }

  async leave(): Promise<void> {
    this.#position = null
    await this.driver.revoked()
  }

  /** Hands over a few messages, as a fetch brings them. */
  fetch(end: number): void {
    if (this.#position === null || this.isPaused) return
    const count = Math.min(1 + this.#random.below(40), end - this.#position)
    const from = this.#position
    const messages = Array.from({ length: count }, (_, index) => message(from + index))
    this.#position += count
    if (count > 0) this.driver.received(messages, this.#position < end)
  }

  async #process(messages: readonly Message[]): Promise<readonly Outcome[]> {
    const unacknowledged = this.driver.backlog().outboxes.get(0) ?? 0
    assert.ok(unacknowledged <= outboxMax, `${unacknowledged} are not acknowledged`)
    await this.#work()
    return messages.map(({ partition, offset }) => plainDecision(partition, offset))
  }

  /** Deciding a batch, or recording before any is decided. */
  async #work(): Promise<void> {
    assert.equal(this.#isBusy, false, 'two at a time')
    this.#isBusy = true
    for (let left = this.#random.below(4); left > 0; left--) await setImmediate()
    this.#isBusy = false
  }
}

function message(offset: number): Message {
  return {
    partition: 0,
    offset,
    key: null,
    value: null,
    timestampMs: 0,
    traceparent: null,
    answer: null,
  }
}

function kept(written: readonly number[]): number[] {
  let last = -1
  return written.filter((offset) => {
    const isNew = offset > last
    if (isNew) last = offset
    return isNew
  })
}

/** One history; `isClean`: nothing fails and every engine leaves before the next one joins. */
async function live(seed: number, isClean: boolean): Promise<readonly number[]> {
  const random = Random.of(seed, 'histories')
  const decisions = new DecisionLog(random)
  const faultRate = isClean ? 0 : 0.3
  const makeEngine = (): Engine => new Engine(decisions, random, faultRate)
  const engines = [makeEngine(), makeEngine(), makeEngine()]
  let owner = 0
  let end = 0
  await engines[owner]!.join()
  for (let step = 0; step < 60; step++) {
    end += random.below(30)
    // Whoever was frozen, or does not know yet that it lost the partition, goes on with what it has.
    for (const [index, engine] of engines.entries()) {
      if (index === owner || random.chance(0.3)) engine.fetch(end)
    }
    for (let left = random.below(12); left > 0; left--) await setImmediate()
    if (!random.chance(0.2)) continue
    const old = engines[owner]!
    if (isClean || random.chance(0.4)) await old.leave()
    else if (random.chance(0.3)) {
      // Killed: what it had sent may still arrive.
      void old.driver.stop()
      engines[owner] = makeEngine()
    }
    owner = random.below(engines.length)
    await engines[owner]!.join()
  }
  while (decisions.greatest < end - 1) {
    engines[owner]!.fetch(end)
    await setImmediate()
  }
  await Promise.all(engines.map(({ driver }) => driver.stop()))
  await decisions.settled()
  for (const { running } of engines) await running
  assert.deepEqual(
    kept(decisions.written),
    Array.from({ length: end }, (_, offset) => offset),
  )
  return decisions.written
}

const seeds = Array.from({ length: 150 }, (_, seed) => seed)

test('whatever engines do, the log never has a gap and a subscriber keeps every offset once', async () => {
  for (const seed of seeds) {
    await live(seed, false).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause })
    })
  }
})

test('where each engine leaves before the next one joins, nothing is written twice', async () => {
  for (const seed of seeds) {
    const written = await live(seed, true)
    assert.deepEqual(written, kept(written), `seed ${seed}`)
  }
})

test('a stop ends what is recorded before the first decision, and nothing is read on', async () => {
  let isRecording = false
  const decisions = new DecisionLog(Random.of(1, 'histories'))
  const driver = new StreamDriver({
    processor: { process: () => assert.fail('decided') },
    port: decisions.port(0),
    resumeAt: () => Promise.resolve(7),
    prepare: async (positions, isOpen) => {
      assert.deepEqual([...positions], [[0, 7]])
      isRecording = true
      while (isOpen()) await setImmediate()
      isRecording = false
    },
    onAssigned: () => undefined,
    isRetriable: () => false,
    batchMax,
    backlogBatchMax: batchMax,
    outboxMax,
    orderWaitMs: 60_000,
    sendBatchMax: 10,
    commitIntervalMs: 1,
    drainMsMax: 60_000,
    clock: systemClock,
    log,
  })
  const engine = { pause: () => undefined, resume: () => undefined }
  const running = driver.run({ ...engine, commit: () => Promise.resolve(true) })
  const assigned = driver.assigned([0])
  while (!isRecording) await setImmediate()
  assert.equal(driver.isReady, true)
  await driver.stop()
  assert.equal(isRecording, false)
  assert.equal((await assigned).size, 0)
  await running
})

test('partitions that come anew wait until what is recorded for the old ones has ended', async () => {
  const begun: (() => void)[] = []
  const driver = new StreamDriver({
    processor: { process: () => assert.fail('decided') },
    port: new DecisionLog(Random.of(1, 'histories')).port(0),
    resumeAt: () => Promise.resolve(7),
    prepare: () => new Promise((resolve) => begun.push(resolve)),
    onAssigned: () => undefined,
    isRetriable: () => false,
    batchMax,
    backlogBatchMax: batchMax,
    outboxMax,
    orderWaitMs: 60_000,
    sendBatchMax: 10,
    commitIntervalMs: 1,
    drainMsMax: 60_000,
    clock: systemClock,
    log,
  })
  const hops = async (): Promise<void> => {
    for (let left = 20; left > 0; left--) await setImmediate()
  }
  const first = driver.assigned([0])
  await hops()
  const second = driver.assigned([0, 1])
  await hops()
  assert.equal(begun.length, 1)
  begun[0]!()
  assert.equal((await first).size, 0)
  await hops()
  assert.equal(begun.length, 2)
  begun[1]!()
  assert.deepEqual(
    [...(await second)],
    [
      [0, 7],
      [1, 7],
    ],
  )
  await driver.stop()
})

test('a source that was paused over a backlog is let go on when the partitions come anew', async () => {
  const random = Random.of(1, 'histories')
  const engine = new Engine(new DecisionLog(random), random, 0)
  await engine.join()
  const backlog = Array.from({ length: 5000 }, (_, offset) => message(offset))
  engine.driver.received(backlog, true)
  assert.equal(engine.isPaused, true)
  // What waited is dropped: only the source can bring it again.
  await engine.leave()
  await engine.join()
  assert.equal(engine.isPaused, false)
  await engine.driver.stop()
})

test('a partition whose next fetch does not come is waited for no longer than set, and that is told', async () => {
  const warnings: string[] = []
  const decided: number[] = []
  const decisions = new DecisionLog(Random.of(1, 'histories'))
  const driver = new StreamDriver({
    processor: {
      process: (messages) => {
        decided.push(...messages.map(({ partition }) => partition))
        return Promise.resolve(
          messages.map(({ partition, offset }) => plainDecision(partition, offset)),
        )
      },
    },
    port: decisions.port(0),
    resumeAt: () => Promise.resolve(0),
    prepare: () => Promise.resolve(),
    onAssigned: () => undefined,
    isRetriable: () => false,
    batchMax,
    backlogBatchMax: batchMax,
    outboxMax,
    orderWaitMs: 30,
    sendBatchMax: 10,
    commitIntervalMs: 60_000,
    drainMsMax: 60_000,
    clock: systemClock,
    log: { ...log, warn: (_, text) => warnings.push(text) },
  })
  const control = { pause: () => undefined, resume: () => undefined }
  const running = driver.run({ ...control, commit: () => Promise.resolve(true) })
  await driver.assigned([0, 1])
  driver.received([message(0)], false)
  for (let left = 20; left > 0; left--) await setImmediate()
  assert.deepEqual(decided, [])
  while (decided.length === 0) await setImmediate()
  assert.deepEqual(decided, [0])
  assert.deepEqual(warnings, ['more of these does not come: others are not held up'])
  assert.equal(driver.backlog().givenUp, 1)
  await driver.stop()
  await running
})
