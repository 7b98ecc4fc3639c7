// What a Redis must be before journals may be kept in it: its version, that it evicts nothing, the function, and what all
// engines of a deployment agree on. A function that runs is never replaced, and nothing agreed on is ever changed.
import { readFile } from 'node:fs/promises'
import { libraryName } from './packer.ts'
import { type Connection, toStoreError } from './redis-connection.ts'
import { StoreError } from './store.ts'
import type { Wire } from './wire.ts'

const versionLeast = 7

/** What all engines of a deployment must have in common, and the key that it is under. */
export interface Deployment {
  readonly key: string
  readonly text: string
  readonly buckets: number
}

/** Rejects with StoreError where the server is unfit; tells whether it is a node of a cluster. */
export async function checkServer(
  connection: Connection,
): Promise<{ readonly isCluster: boolean }> {
  const doing = `opening Redis at ${connection.address}`
  const info = await asked(doing, connection.command('info'))
  const field = (name: string): string =>
    new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(String(info))?.[1] ?? 'unknown'
  if (!(Number.parseInt(field('redis_version')) >= versionLeast)) {
    throw new StoreError(
      `${doing}: expected version ${versionLeast} or later, found ${field('redis_version')}`,
      false,
    )
  }
  if (field('maxmemory_policy') !== 'noeviction') {
    throw new StoreError(
      `${doing}: expected maxmemory-policy noeviction, found ${field('maxmemory_policy')}: ` +
        'an evicted journal would be a wrong window; run CONFIG SET maxmemory-policy noeviction',
      false,
    )
  }
  return { isCluster: field('redis_mode') === 'cluster' }
}

/** Loads the function where it is missing; true when it was. */
export async function loadFunction(connection: Connection): Promise<boolean> {
  const doing = `loading the function at ${connection.address}`
  const code = await libraryText()
  let found = await loaded(doing, connection)
  if (found === null) {
    try {
      await connection.command('function', 'LOAD', code)
      return true
    } catch (error) {
      // Another engine may have been faster.
      found = await loaded(doing, connection)
      if (found === null) throw toStoreError(doing, error)
    }
  }
  if (found === code) return false
  throw new StoreError(
    `${doing}: expected this version's ${libraryName}, found another text under that name: ` +
      `run FUNCTION DELETE ${libraryName} once no engine uses it`,
    false,
  )
}

/** Writes what all engines of a deployment must have in common, or checks it. */
export async function agree(wire: Pick<Wire, 'run'>, { key, text }: Deployment): Promise<void> {
  const [found] = await wire.run('opening Redis', [['set', key, text, 'NX', 'GET']])
  if (found === null || found === text) return
  throw new StoreError(`opening Redis: expected ${text}, found ${found}: ${key}`, false)
}

/** One library of four files: layout and shared code first. */
async function libraryText(): Promise<string> {
  const parts = ['journal.lua', 'reading.lua', 'observe.lua', 'compact.lua'].map((part) =>
    readFile(new URL(import.meta.resolve(`#root/features/store/${part}`)), 'utf8'),
  )
  return (await Promise.all(parts)).join('')
}

/** Text of the library in Redis; null when there is none. */
async function loaded(doing: string, connection: Connection): Promise<string | null> {
  const list = connection.command('function', 'LIST', 'LIBRARYNAME', libraryName, 'WITHCODE')
  return textAfter(await asked(doing, list), 'library_code')
}

/** The text that follows `name` in a reply, whether maps come as lists of pairs or flat. */
function textAfter(reply: unknown, name: string): string | null {
  if (!Array.isArray(reply)) {
    if (typeof reply !== 'object' || reply === null) return null
    return textAfter(Object.entries(reply).flat(), name)
  }
  const at = reply.indexOf(name)
  if (at !== -1) return String(reply[at + 1])
  for (const part of reply) {
    const found = textAfter(part, name)
    if (found !== null) return found
  }
  return null
}

async function asked(doing: string, reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply
  } catch (error) {
    throw toStoreError(doing, error)
  }
}
