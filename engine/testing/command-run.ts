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
  const texts = ['', '']
  const [stdout, stderr] = texts.map((_, at) => {
    const stream = new PassThrough()
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => (texts[at] += text))
    return stream
  }) as [PassThrough, PassThrough]
  const exitCode = await runCommandLine(argv, commands, {
    version: '1.2.3',
    environment,
    folder,
    stdout,
    stderr,
    isTerminal: false,
    clock,
    stop,
    openLog: (level) => openLog(level, clock),
  })
  return { exitCode, stdout: texts[0]!, stderr: texts[1]! }
}
