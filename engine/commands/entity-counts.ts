// How many entities there are of each kind, as options say it: `card=1000000,merchant=20000`.
import { closest } from '../../features/document.ts'
import { EngineError } from '../errors.ts'
import type { Flags } from './flags.ts'

/** By kind; empty where the option was not given. Faults go to `flags`. */
export function readEntities(flags: Flags, option: string): ReadonlyMap<string, number> {
  const text = flags.text(option)
  const entities = new Map<string, number>()
  if (text === null) return entities
  for (const part of text.split(',')) {
    const [, kind, count] = /^\s*([A-Za-z_][\w+]{0,63})=(\d{1,12})\s*$/.exec(part) ?? []
    if (kind === undefined || Number(count) === 0) {
      flags.fault(option, 'counts by kind such as card=1000000,merchant=20000', part)
    } else if (entities.has(kind)) flags.fault(option, 'each kind once', part)
    else entities.set(kind, Number(count))
  }
  return entities
}

/** Throws EngineError `usage` where there is no such kind. */
export function requireKind(option: string, kind: string, kinds: readonly string[]): void {
  if (kinds.includes(kind)) return
  const near = closest(kind, kinds)
  const hint = near === null ? '' : ` (did you mean ${near}?)`
  throw new EngineError(
    'usage',
    `option ${option}: expected ${kinds.join(', ')}, found ${kind}${hint}`,
  )
}
