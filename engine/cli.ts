// The command line: finds the command, loads the configuration, prints errors in one block and gives the exit code.
// The only importer of commander; it decides nothing about transactions.
import type { Writable } from 'node:stream'
import { Command as Commander, CommanderError } from 'commander'
import { DocumentError } from '../features/document.ts'
import type { Command, Context, PreparedCommand } from './commands/command.ts'
import { Flags, type FlagValues } from './commands/flags.ts'
import { type Environment, type LoadedConfig, loadConfig, type OptionValue } from './config.ts'
import type { Clock, Log } from './core/ports.ts'
import { codeOf, describe, EngineError, errorKinds, exitCodeOf, oneLine } from './errors.ts'

/** What the process gives to the command line. */
export interface Outside {
  readonly version: string
  readonly environment: Environment
  readonly folder: string
  readonly stdout: Writable
  readonly stderr: Writable
  readonly isTerminal: boolean
  readonly clock: Clock
  readonly stop: AbortSignal
  openLog(level: LoadedConfig['config']['log']['level']): Log
}

/** Runs `argv` (without node and script). Resolves to the exit code; never rejects. */
export async function runCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  outside: Outside,
): Promise<number> {
  let exitCode = 0
  const program = makeProgram(outside)
  for (const command of commands) {
    declare(program, command, async (values) => {
      exitCode = await runCommand(command, values, outside)
    })
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    // Help that was not asked for has been printed already: no command was named.
    if (error.code === 'commander.help') return 2
    const message = error.message.replace(/^error: /, '')
    return fail('weir', new EngineError('usage', message), outside)
  }
}

function makeProgram({ version, stdout, stderr }: Outside): Commander {
  return new Commander('weir')
    .description('Real-time fraud decisions: exact windows, an ONNX model, an answer in time.')
    .version(version)
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => {},
    })
    .exitOverride()
}

function declare(
  program: Commander,
  { line }: Command,
  run: (values: FlagValues) => Promise<void>,
): void {
  const words = line.name.split(' ')
  const example = line.examples.map((text) => `  ${text}`).join('\n')
  const commander = groupOf(program, words.slice(0, -1))
    .command(words.at(-1)!)
    .summary(line.summary)
    .description(`${line.summary}\n\n${line.details}`)
    .option('--config <file>', 'configuration (default: weir.yaml where there is one)')
    .addHelpText('after', `\nExample${line.examples.length > 1 ? 's' : ''}:\n${example}`)
    .allowExcessArguments(false)
  for (const { form, help, isList } of line.flags) {
    if (isList === true) commander.option(form, help, joinWithComma)
    else commander.option(form, help)
  }
  if (line.argument !== undefined) commander.argument(line.argument.form, line.argument.help)
  commander.action(async () => {
    const values: Record<string, string | true> = {}
    // Only an argument that takes a list lets several through.
    if (line.argument !== undefined && commander.args.length > 0) {
      values[line.argument.form] = commander.args.join(',')
    }
    for (const option of commander.options) {
      const value = commander.getOptionValue(option.attributeName()) as string | true | undefined
      if (value !== undefined) values[option.long!] = value
    }
    await run(values)
  })
}

/** `model inspect` is a command of the group `model`, which is there once. */
function groupOf(program: Commander, names: readonly string[]): Commander {
  return names.reduce((group, name) => {
    const known = group.commands.find((one) => one.name() === name)
    return known ?? group.command(name).summary(groups[name] ?? '')
  }, program)
}

const groups: Readonly<Record<string, string>> = {
  model: 'look at a model, or bring one from elsewhere',
}

function joinWithComma(value: string, before: string | undefined): string {
  return before === undefined ? value : `${before},${value}`
}

async function runCommand(command: Command, values: FlagValues, outside: Outside): Promise<number> {
  const name = `weir ${command.line.name}`
  try {
    const { loaded, prepared } = prepare(command, values, outside)
    for (const warning of loaded.warnings) outside.stderr.write(`${name}: ${oneLine(warning)}\n`)
    const exitCode = await prepared.run(contextOf(outside, loaded))
    if (exitCode === 0 && prepared.next !== null) outside.stderr.write(`next: ${prepared.next}\n`)
    return exitCode
  } catch (error) {
    return fail(name, error, outside)
  }
}

/** Flags and configuration, checked together: whoever asked wrongly twice is told twice. */
function prepare(
  command: Command,
  values: FlagValues,
  outside: Outside,
): { readonly loaded: LoadedConfig; readonly prepared: PreparedCommand } {
  let loaded: LoadedConfig | null = null
  let refused: unknown = null
  try {
    loaded = loadConfig({
      file: typeof values['--config'] === 'string' ? values['--config'] : null,
      environment: outside.environment,
      folder: outside.folder,
      options: overrides(command, values),
    })
  } catch (error) {
    refused = error
  }
  const flags = new Flags(values, outside.folder)
  const prepared = command.prepare(flags, loaded)
  if (loaded === null) {
    if (flags.faults.length === 0) throw refused
    throw new EngineError('usage', [...flags.faults, ...linesOf(refused)].join('\n'))
  }
  flags.finish()
  return { loaded, prepared }
}

function overrides({ line }: Command, values: FlagValues): Record<string, OptionValue> {
  const options: Record<string, OptionValue> = {}
  for (const { form, setting } of line.flags) {
    const option = form.split(' ')[0]!
    const value = values[option]
    if (setting !== undefined && typeof value === 'string') options[setting] = { option, value }
  }
  return options
}

function contextOf(outside: Outside, loaded: LoadedConfig): Context {
  const { environment, folder, stdout, stderr, isTerminal, clock, stop } = outside
  const log = outside.openLog(loaded.config.log.level)
  return { loaded, environment, folder, stdout, stderr, isTerminal, clock, stop, log }
}

/** Prints the error in one block and gives its exit code. */
function fail(name: string, error: unknown, { stderr }: Outside): number {
  const exitCode = exitCodeOf(error)
  const code = codeOf(error)
  const block = [
    `${name}: ${exitCode === 2 ? 'asked wrongly' : 'failed'}`,
    ...linesOf(error).map((line) => `  ${oneLine(line)}`),
    `  ${code}: ${errorKinds[code].help}`,
  ]
  if (code === 'unexpected' && error instanceof Error) block.push(error.stack ?? '')
  stderr.write(`${block.join('\n')}\n`)
  return exitCode
}

/** Faults of documents and flags have a line each; everything else is one sentence. */
function linesOf(error: unknown): readonly string[] {
  const isList =
    error instanceof DocumentError || (error instanceof EngineError && error.code === 'usage')
  return isList ? error.message.split('\n') : [describe(error)]
}
