// Several engines at once on one Redis: partitions go from one to another and are read twice, calls and replies get lost,
// messages repeat ids. Whatever happens, each message has one answer, and each answer is what stands in Redis.
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, it } from 'node:test'
import type { Observation } from '../observation.ts'
import { Engines, longPlans, observeUntilAnswered } from '../testing/engines.ts'
import type { TestRow } from '../testing/journal-rows.ts'
import { randomOf } from '../testing/random-rows.ts'
import type { Fate } from '../testing/redis-proxy.ts'

let engines: Engines

before(async () => {
  engines = await Engines.start()
})

afterEach(async () => {
  await engines.reset()
})

after(async () => {
  await engines.stop()
})

const partitions = 4
const messagesPerPartition = 150

/** What each partition holds: cards of its own at common merchants, ids that come twice, offsets with gaps. */
function topicOf(seed: number): TestRow[][] {
  const random = randomOf(seed)
  const all: TestRow[] = []
  const topic: TestRow[][] = Array.from({ length: partitions }, () => [])
  const next = Array.from({ length: partitions }, () => 0)
  for (let n = 0; n < partitions * messagesPerPartition; n++) {
    const partition = random(partitions)
    next[partition]! += 1 + (random(5) === 0 ? random(40) : 0)
    const source = { partition, offset: next[partition]!, timeMs: 1.7e12 + n }
    const earlier = all.length > 0 && random(8) === 0 ? all[random(all.length)]! : null
    const test: TestRow =
      earlier === null
        ? {
            ...source,
            id: `tx${n}`,
            entities: [
              `p${partition}-${random(4)}`,
              random(6) === 0 ? null : `shop${random(5)}`,
              random(3) === 0 ? null : `phone${random(20)}`,
              random(2) === 0 ? null : `ip${random(3)}`,
            ],
          }
        : {
            ...earlier,
            ...source,
            content: random(3) === 0 ? `other ${n}` : (earlier.content ?? earlier.id),
          }
    all.push(test)
    topic[partition]!.push(test)
  }
  return topic
}

/** What was answered to each message, however often and by whomever. */
class Answers {
  readonly #answers = new Map<string, string>()

  get size(): number {
    return this.#answers.size
  }

  add(rows: readonly TestRow[], batch: Observation): void {
    for (const [at, { partition, offset }] of rows.entries()) {
      const first = at * batch.entityCount
      const answer = JSON.stringify({
        seen: Math.max(1, batch.seen[at]!),
        first: [batch.firstPartition[at], batch.firstOffset[at]],
        ordinals: [...batch.ordinal.subarray(first, first + batch.entityCount)],
      })
      const message = `${partition}/${offset}`
      assert.equal(answer, this.#answers.get(message) ?? answer, message)
      this.#answers.set(message, answer)
    }
  }
}

describe('several engines', () => {
  const fates: readonly Fate[] = ['lost', 'unanswered', 'refused', 'held']
  for (const { buckets, heldBytesMax, faults } of [
    { buckets: 1, heldBytesMax: 64 << 20, faults: 0 },
    { buckets: 1, heldBytesMax: 64 << 20, faults: 25 },
    { buckets: 1, heldBytesMax: 1 << 20, faults: 25 },
    { buckets: 5, heldBytesMax: 64 << 20, faults: 60 },
  ]) {
    for (const seed of [1, 2]) {
      const title = `${buckets} buckets, ${heldBytesMax >> 20} MiB held, a fault in ${faults}, seed ${seed}`
      it(`answer each message once, with what stands in Redis (${title})`, async () => {
        const plans = longPlans()
        const topic = topicOf(seed)
        /** As a decision topic does: how many messages of each partition have their outcome. */
        const published = Array.from({ length: partitions }, () => 0)
        const answers = new Answers()
        const isDone = (): boolean =>
          published.every((count, partition) => count === topic[partition]!.length)
        const run = async (engine: number): Promise<void> => {
          const random = randomOf(seed * 100 + engine)
          let store = await engines.open(plans, { buckets, heldBytesMax })
          while (!isDone()) {
            // A new process, or one that thinks it still owns what others have gone on with.
            if (random(12) === 0) store = await engines.open(plans, { buckets, heldBytesMax })
            const rows: TestRow[] = []
            for (let partition = 0; partition < partitions; partition++) {
              if (random(2) === 0) continue
              const behind = random(4) === 0 ? random(40) : 0
              const from = Math.max(0, published[partition]! - behind)
              rows.push(...topic[partition]!.slice(from, from + random(30)))
            }
            if (rows.length === 0) continue
            const batch = await observeUntilAnswered(store, plans, rows)
            answers.add(rows, batch)
            await engines.check(store, batch, plans, rows, buckets)
            store.release(batch)
            for (const { partition, offset } of rows) {
              const end = topic[partition]!.findIndex((test) => test.offset === offset) + 1
              published[partition] = Math.max(published[partition]!, end)
            }
            if (random(3) === 0) await engines.proxy.deliver()
          }
        }
        const random = randomOf(seed)
        engines.proxy.set(() =>
          faults > 0 && random(faults) === 0 ? fates[random(fates.length)]! : 'pass',
        )
        await Promise.all([run(1), run(2), run(3)])
        assert.equal(answers.size, topic.flat().length)
        assert.deepEqual(
          engines.said.filter(({ level }) => level === 'error'),
          [],
        )
      })
    }
  }
})
