// The Redis store of the configuration.
import type { JournalPlans } from '../../features/journal.ts'
import { RedisStore } from '../../features/store/redis.ts'
import type { Context } from './command.ts'

/** Opens the store; rejects with StoreError that says what is unfit or unreachable. */
export function openStore(plans: JournalPlans, { loaded, log }: Context): Promise<RedisStore> {
  const { redis, kafka } = loaded.config
  return RedisStore.open({
    url: redis.url,
    plans,
    buckets: redis.buckets,
    ttlMs: redis.ttlMs,
    heldBytesMax: redis.heldBytesMax,
    commandTimeoutMs: redis.commandTimeoutMs,
    chain: kafka.transactions,
    log,
  })
}
