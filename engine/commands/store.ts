// The Redis store of the configuration.
import { createHash } from 'node:crypto'
import type { JournalPlans } from '../../features/journal.ts'
import { RedisStore } from '../../features/store/redis.ts'
import type { Context } from './command.ts'

/** Opens the store for messages of `topic`; rejects with StoreError that says what is unfit or unreachable. */
export function openStore(
  plans: JournalPlans,
  topic: string,
  hashKey: Uint8Array,
  { loaded, log }: Context,
): Promise<RedisStore> {
  const { redis } = loaded.config
  const hashKeyId = createHash('sha256').update('weir: which key').update(hashKey)
  return RedisStore.open({
    url: redis.url,
    plans,
    buckets: redis.buckets,
    ttlMs: redis.ttlMs,
    heldBytesMax: redis.heldBytesMax,
    commandTimeoutMs: redis.commandTimeoutMs,
    chain: topic,
    hashKeyId: hashKeyId.digest('hex').slice(0, 8),
    log,
  })
}
