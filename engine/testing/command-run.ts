// Runs a command of the command line in this process, in a folder of its own, and gathers what it wrote.
import { PassThrough } from 'node:stream'
import { runCommandLine } from '../cli.ts'
import type { Command } from '../commands/command.ts'
import type { Environment } from '../config.ts'
import { openLog } from '../telemetry/log.ts'

export interface CommandRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** `argv` as typed behind `weir`. `stop`: aborted to stop the command. The clock stands still. */
export async function runCommand(
  argv: readonly string[],
  commands: readonly Command[],
  folder: string,
  environment: Environment = {},
  stop: AbortSignal = new AbortController().signal,
): Promise<CommandRun> {
  const clock = { nowMs: () => 0, monotonicUs: () => 0 }
  const gather = (): { stream: PassThrough; text: () => string } => {
    const stream = new PassThrough()
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => (text += chunk))
    return { stream, text: () => text }
  }
  const stdout = gather()
  const stderr = gather()
  const exitCode = await runCommandLine(argv, commands, {
    version: '1.2.3',
    environment,
    folder,
    stdout: stdout.stream,
    stderr: stderr.stream,
    isTerminal: false,
    clock,
    stop,
    openLog: (level) => openLog(level, clock),
  })
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}
