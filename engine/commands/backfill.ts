// `weir backfill`: fills the journals of the real store from history without deciding, so that windows start full.
import { type CommandLine, sharedFlags } from './command.ts'
import { historyInput, type Input } from './input.ts'

export interface BackfillOptions {
  readonly input: Input
  /** Stop after so many messages; Infinity for all. */
  readonly messagesMax: number
}

export const backfillLine: CommandLine<BackfillOptions> = {
  name: 'backfill',
  summary: 'history → journals in Redis, without deciding',
  details:
    'Records every transaction of a file, a range of a topic or the generator in the store of the deployment. Safe to run ' +
    'again: what was recorded is recognised. Nothing is decided or published.',
  flags: [
    sharedFlags.input,
    sharedFlags.map,
    sharedFlags.catalog,
    sharedFlags.from,
    sharedFlags.to,
    sharedFlags.limit,
    sharedFlags.seed,
  ],
  examples: [
    'weir backfill --input history.csv --map mapping.yaml',
    'weir backfill --input kafka:transactions --to 0:120000,1:118000',
  ],
  parse: (flags, loaded) => ({
    input: historyInput(flags, loaded),
    messagesMax: flags.count('--limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
  }),
  next: () => 'weir stream',
}
