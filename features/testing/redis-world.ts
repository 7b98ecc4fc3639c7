// Which Redis a test uses: the one of REDIS_URL, where only own keys are deleted, or one started for it.
import type { JournalPlans } from '../journal.ts'
import type { RedisOptions } from '../store/redis.ts'
import { RedisClient } from './redis-client.ts'
import { RedisServer } from './redis-server.ts'

export interface RedisForTests {
  readonly url: string
  /** Deletes what tests have written (`namespaceOf` names them), or ends the server. */
  stop(): Promise<void>
}

/** What the store reports, for tests that expect it. */
export interface Said {
  readonly level: 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

export function optionsOf(
  url: string,
  plans: JournalPlans,
  over: Partial<RedisOptions> = {},
  said: Said[] = [],
): RedisOptions {
  return {
    url,
    plans,
    buckets: 1,
    ttlMs: 3_600_000,
    heldBytesMax: 64 << 20,
    commandTimeoutMs: 5000,
    chain: 'transactions',
    hashKeyId: 'test',
    log: {
      warn: (fields, message) => said.push({ level: 'warn', fields, message }),
      error: (fields, message) => said.push({ level: 'error', fields, message }),
    },
    ...over,
  }
}

/** Begins every namespace of this process' tests. */
export const namespacePrefix = `t${process.pid.toString(16)}x`

/** A Redis that tests share with others when REDIS_URL says so: nothing but own keys may be touched in it. */
export async function redisForTests(): Promise<RedisForTests> {
  const given = process.env['REDIS_URL']
  if (given === undefined || given === '') {
    const server = await RedisServer.start()
    return { url: server.url, stop: () => server.stop() }
  }
  return {
    url: given,
    stop: async () => {
      const client = await RedisClient.connect(
        Number(new URL(given).port || 6379),
        new URL(given).hostname,
      )
      const keys = await client.call('KEYS', `w:${namespacePrefix}*`)
      for (const key of keys as Buffer[]) await client.call('DEL', key)
      client.close()
    },
  }
}
