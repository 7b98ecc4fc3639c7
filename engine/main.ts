#!/usr/bin/env node
// The composition root: gives the command line the process it runs in and the commands it knows. Nothing imports it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from './cli.ts'
import { systemClock } from './clock.ts'
import { backfillLine, runBackfill } from './commands/backfill.ts'
import { benchLine, runBench } from './commands/bench.ts'
import { capacityLine, runCapacity } from './commands/capacity.ts'
import { type Command, command } from './commands/command.ts'
import { featuresLine, runFeatures } from './commands/features.ts'
import { initLine, runInit } from './commands/init.ts'
import { importLine, inspectLine } from './commands/model.ts'
import { runImport } from './commands/model-import.ts'
import { runInspect } from './commands/model-inspect.ts'
import { rollbackLine, runRollback } from './commands/model-rollback.ts'
import { replayLine, runReplay } from './commands/replay.ts'
import { runServe, serveLine } from './commands/serve.ts'
import { runStream, streamLine } from './commands/stream.ts'
import { runTopics, topicsLine } from './commands/topics.ts'
import { runTrain, trainLine } from './commands/train.ts'
import { processEnvironment } from './config.ts'
import { openLog } from './telemetry/log.ts'

const commands: readonly Command[] = [
  command(streamLine, runStream),
  command(serveLine, runServe),
  command(replayLine, runReplay),
  command(backfillLine, runBackfill),
  command(initLine, runInit),
  command(featuresLine, runFeatures),
  command(topicsLine, runTopics),
  command(trainLine, runTrain),
  command(inspectLine, runInspect),
  command(importLine, runImport),
  command(rollbackLine, runRollback),
  command(benchLine, runBench),
  command(capacityLine, runCapacity),
]

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // The first asks to drain. Whoever asks again does not want to wait.
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  })
}

// `weir … | head` closes the pipe: the reader has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const exitCode = await runCommandLine(process.argv.slice(2), commands, {
  version: version(),
  environment: processEnvironment(),
  folder: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  isTerminal: process.stderr.isTTY,
  clock: systemClock,
  stop: stop.signal,
  openLog: (level) => openLog(level, systemClock),
})
// A connection that a client has left open must not keep a command that is done alive; a slow reader of our output may.
await Promise.all([flushed(process.stdout), flushed(process.stderr)])
process.exit(exitCode)

/** Resolves when everything written so far has left the process. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve()
    })
  })
}

function version(): string {
  const file = fileURLToPath(import.meta.resolve('#root/package.json'))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
