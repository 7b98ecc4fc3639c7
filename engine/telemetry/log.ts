// The log: JSON lines on stderr through pino. Written synchronously, since an asynchronous destination loses its last
// lines in the crash that they would explain. Never a line per transaction.
import { type DestinationStream, destination, pino } from 'pino'
import type { Clock, Log } from '../core/ports.ts'
import { codeOf, describe } from '../errors.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** A log of everything from `level` on. A field `error` is written as its chain on one line, with its code. */
export function openLog(level: LogLevel, clock: Clock, to: DestinationStream = stderr()): Log {
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: withCode,
      },
    },
    to,
  )
  return {
    info: (fields, message) => {
      log.info(fields, message)
    },
    warn: (fields, message) => {
      log.warn(fields, message)
    },
    error: (fields, message) => {
      log.error(fields, message)
    },
  }
}

function stderr(): DestinationStream {
  return destination({ dest: 2, sync: true })
}

function withCode(fields: Record<string, unknown>): Record<string, unknown> {
  const { error } = fields
  if (error === undefined) return fields
  return { ...fields, error: describe(error), code: codeOf(error) }
}
