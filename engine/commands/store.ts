// The Redis store of the configuration.
import { createHash } from 'node:crypto'
import type { Plan } from '../../features/plan.ts'
import { RedisStore } from '../../features/store/redis.ts'
import { EngineError } from '../errors.ts'
import { formatDuration } from '../setting.ts'
import type { Context } from './command.ts'

/** Opens the store for messages of `topic`; rejects with StoreError that says what is unfit or unreachable. */
export function openStore(
  plan: Plan,
  topic: string,
  hashKey: Uint8Array,
  { loaded, log }: Context,
  heldBytesMax = loaded.config.redis.heldBytesMax,
): Promise<RedisStore> {
  const { redis, http } = loaded.config
  requireTtl(plan, redis.ttlMs, http.horizonMs)
  const hashKeyId = createHash('sha256').update('weir: which key').update(hashKey)
  return RedisStore.open({
    url: redis.url,
    plans: plan,
    buckets: redis.buckets,
    ttlMs: redis.ttlMs,
    heldBytesMax,
    commandTimeoutMs: redis.commandTimeoutMs,
    chain: topic,
    hashKeyId: hashKeyId.digest('hex').slice(0, 8),
    log,
  })
}

/**
 * An idle journal that expires within a window would make it wrong without a word, and one that expires before what a retry
 * can still ask for would let it be counted again. Throws EngineError.
 */
export function requireTtl(
  { features }: Pick<Plan, 'features'>,
  ttlMs: number,
  horizonMs: number,
): void {
  let longestMs = 0
  for (const { windowMs, delayMs } of features) longestMs = Math.max(longestMs, windowMs + delayMs)
  const leastMs = longestMs + horizonMs
  if (ttlMs >= leastMs) return
  throw new EngineError(
    'document_invalid',
    `redis.ttl: expected at least ${formatDuration(leastMs)}, which is http.horizon more than the longest window and its delay in the catalog, found ${formatDuration(ttlMs)}`,
  )
}
