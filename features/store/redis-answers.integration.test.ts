// Answers in a real Redis: the contract of all places for answers, where they lie, and how long.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { answerOf, answersContract } from '../../engine/api/answers.contract.ts'
import { RedisClient } from '../testing/redis-client.ts'
import { optionsOf, redisForTests } from '../testing/redis-world.ts'
import { RedisStore } from './redis.ts'
import { freshPlans } from './store.contract.ts'

const horizonMs = 3_600_000

for (const buckets of [1, 8]) {
  answersContract(`answers in Redis, buckets ${buckets}`, async () => {
    const redis = await redisForTests()
    const plans = freshPlans()
    const stores: RedisStore[] = []
    return {
      open: async () => {
        const store = await RedisStore.open(optionsOf(redis.url, plans, { buckets }))
        stores.push(store)
        return store.answers(horizonMs)
      },
      close: async () => {
        for (const store of stores) await store.close()
        await redis.stop()
      },
    }
  })
}

test('an answer lies in its primary’s bucket, under hashes, until the horizon', async () => {
  const redis = await redisForTests()
  const plans = freshPlans()
  const store = await RedisStore.open(optionsOf(redis.url, plans, { buckets: 8 }))
  const { hostname, port } = new URL(redis.url)
  const client = await RedisClient.connect(Number(port), hostname)
  const card = 13
  const answer = answerOf(card, 1)
  await store.answers(horizonMs).keep([answer])
  const key = `w:${plans.namespace}:{b0${card % 8}}:answer:${answer.primary}.${answer.id}`
  assert.equal(String(await client.call('GET', key)), answer.fingerprint + answer.body)
  const ttl = Number(await client.call('PTTL', key))
  assert.ok(ttl > horizonMs - 60_000 && ttl <= horizonMs, String(ttl))
  // Keeping it again does not make it live longer.
  await client.call('PEXPIRE', key, '50000')
  await store.answers(horizonMs).keep([answer])
  assert.ok(Number(await client.call('PTTL', key)) <= 50_000)
  client.close()
  await store.close()
  await redis.stop()
})

test('where Redis is gone, keeping and finding reject as a store does: try again', async () => {
  const redis = await redisForTests()
  const store = await RedisStore.open(optionsOf(redis.url, freshPlans()))
  const answers = store.answers(horizonMs)
  await store.close()
  const isAway = (error: Error) =>
    error.name === 'StoreError' && (error as Error & { retriable: boolean }).retriable
  await assert.rejects(answers.keep([answerOf(1, 1)]), isAway)
  await assert.rejects(answers.find([answerOf(1, 1)]), isAway)
  await redis.stop()
})
