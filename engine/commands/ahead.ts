// Has a large file read, parsed and encoded by a thread of its own. Only the asking is here; a small file, or a machine with
// one core, is as well served without.
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Config } from '../config.ts'
import { Ahead } from '../replay/ahead.ts'
import type { Input } from './input.ts'
import { declaredFiles } from './open.ts'

/** To the thread, at its start. */
export interface AheadOrder {
  readonly file: string
  readonly mapping: string
  readonly catalog: string | readonly string[]
  readonly hashKey: Uint8Array
  /** Ids, entities and fields are to come too. */
  readonly hasTexts: boolean
}

/** A thread takes 0.2 s to start, in which about so much is decided without one. */
export const aheadBytesMin = 4 * 1024 * 1024

const script = new URL('ahead-thread.js', import.meta.url)

/** Starts the thread; null where there is to be none. */
export function startAhead(
  input: Input,
  config: Config,
  hashKey: Uint8Array,
  hasTexts: boolean,
  bytesMin: number,
): Ahead | null {
  if (input.kind !== 'file' || availableParallelism() < 2) return null
  if (statSync(input.file).size < bytesMin) return null
  const { file } = input
  const order: AheadOrder = { file, ...declaredFiles(config, false), hashKey, hasTexts }
  return new Ahead(script, order)
}
