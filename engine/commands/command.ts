// What a command of the command line is: its flags, how they are read, what it is handed and what it answers.
import type { Writable } from 'node:stream'
import type { Environment, LoadedConfig } from '../config.ts'
import type { Clock, Log } from '../core/ports.ts'
import type { Flags } from './flags.ts'

/** One option, as help shows it. */
export interface Flag {
  /** `--limit <count>`, or `--json` for one without a value. */
  readonly form: string
  readonly help: string
  /** The setting that it overrides, by its path in weir.yaml. */
  readonly setting?: string
  /** May be given again: the same as its values with commas. */
  readonly isList?: true
}

/** The part of a command that its user sees. */
export interface CommandLine<Options> {
  /** Two words for one of a group: `model inspect`. */
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** A short paragraph: what goes in, what comes out and where. */
  readonly details: string
  /** What comes without a flag: `<file>`, or `[name...]` for a list, read like a flag of that name; a list has commas. */
  readonly argument?: Flag
  readonly flags: readonly Flag[]
  readonly examples: readonly string[]
  /** Reads the flags; faults go to `flags` and are reported together. `loaded` is null when the configuration has faults. */
  parse(flags: Flags, loaded: LoadedConfig | null): Options
  /** The next useful command after success; null where there is none. */
  next(options: Options): string | null
}

/** What a command is handed by main: everything of the outside that it may touch. */
export interface Context {
  readonly loaded: LoadedConfig
  readonly environment: Environment
  /** Working folder: relative paths of options. */
  readonly folder: string
  /** Results. */
  readonly stdout: Writable
  /** Progress and notes for people. */
  readonly stderr: Writable
  /** True if stderr is a terminal: progress may rewrite its line. */
  readonly isTerminal: boolean
  readonly clock: Clock
  readonly log: Log
  /** Aborted by SIGTERM or SIGINT: drain and return. */
  readonly stop: AbortSignal
}

/**
 * Runs a command. Resolves to its exit code: 0, or 1 when it ran and what it was asked for did not hold. Rejects with
 * EngineError (or a port's error), which the command line prints and turns into 1 or 2.
 */
export type Run<Options> = (options: Options, context: Context) => Promise<number>

/** A command line and what it runs, with the type of their options sealed in. */
export interface Command {
  readonly line: CommandLine<unknown>
  /** Parses at once; null after a fault. */
  prepare(flags: Flags, loaded: LoadedConfig | null): PreparedCommand
}

export interface PreparedCommand {
  readonly next: string | null
  run(context: Context): Promise<number>
}

export function command<Options>(line: CommandLine<Options>, run: Run<Options>): Command {
  return {
    line,
    prepare: (flags, loaded) => {
      const options = line.parse(flags, loaded)
      return { next: line.next(options), run: (context) => run(options, context) }
    },
  }
}

/** Flags that several commands share, so that they mean the same everywhere. */
export const sharedFlags = {
  map: {
    form: '--map <file>',
    help: 'mapping of the input (overrides source)',
    setting: 'source',
  },
  catalog: {
    form: '--catalog <file>',
    help: 'features to compute; several files with commas, or the option again (overrides catalog)',
    isList: true,
    setting: 'catalog',
  },
  model: {
    form: '--model <folder>',
    help: 'model folder; challengers behind it, with commas or the option again (overrides models)',
    isList: true,
    setting: 'models',
  },
  policy: {
    form: '--policy <file>',
    help: 'lists, rules and thresholds (overrides policy)',
    setting: 'policy',
  },
  input: {
    form: '--input <input>',
    help: 'a file, kafka:<topic>, or generator',
  },
  from: {
    form: '--from <offsets>',
    help: 'first offset of a topic: 100, or by partition 0:100,1:250 (default: the earliest)',
  },
  to: {
    form: '--to <offsets>',
    help: 'offset to stop before, in the same form (default: the end at start)',
  },
  limit: {
    form: '--limit <count>',
    help: 'stop after so many messages',
  },
  seed: {
    form: '--seed <number>',
    help: 'seed of the generator (default: 1)',
  },
} as const satisfies Record<string, Flag>
