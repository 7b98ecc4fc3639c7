// Claims about the log: JSON lines with level, time and message; errors as one line with their code; levels hold.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineError } from '../errors.ts'
import { type LogLevel, openLog } from './log.ts'

function linesOf(level: LogLevel, act: (log: ReturnType<typeof openLog>) => void): unknown[] {
  const lines: unknown[] = []
  const clock = { nowMs: () => 86_400_000, monotonicUs: () => 0 }
  act(openLog(level, clock, { write: (line) => lines.push(JSON.parse(line)) }))
  return lines
}

test('a line has level, time, fields and message', () => {
  const lines = linesOf('info', (log) => {
    log.info({ partition: 3 }, 'partition assigned')
  })
  assert.deepEqual(lines, [
    { level: 'info', time: '1970-01-02T00:00:00.000Z', partition: 3, msg: 'partition assigned' },
  ])
})

test('an error is its chain on one line, with the code of the table', () => {
  const cause = new Error('connect ECONNREFUSED')
  const error = new EngineError('kafka_unavailable', 'fetching', { cause })
  const [line] = linesOf('warn', (log) => {
    log.warn({ error }, 'retrying')
  }) as [Record<string, unknown>]
  assert.equal(line['error'], 'fetching: connect ECONNREFUSED')
  assert.equal(line['code'], 'kafka_unavailable')
})

test('less than the level is not written', () => {
  const act = (log: ReturnType<typeof openLog>) => {
    log.info({}, 'a')
    log.warn({}, 'b')
    log.error({}, 'c')
  }
  assert.equal(linesOf('debug', act).length, 3)
  assert.equal(linesOf('warn', act).length, 2)
  assert.equal(linesOf('silent', act).length, 0)
})
