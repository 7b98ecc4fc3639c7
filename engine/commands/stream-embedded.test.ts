// Claims about the embedded stream as a user runs it: what is on stdout, what on stderr.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runCommand } from '../testing/command-run.ts'
import { command } from './command.ts'
import { runStream, streamLine } from './stream.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-embedded-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const commands = [command(streamLine, runStream)]

test('decisions on stdout are JSON lines and nothing else: the summary is on stderr', async () => {
  const { exitCode, stdout, stderr } = await runCommand(
    ['stream', '--limit', '300', '--decisions-out', '-'],
    commands,
    folder,
  )
  assert.equal(exitCode, 0, stderr)
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, 300)
  for (const line of lines)
    assert.equal((JSON.parse(line) as { schema: string }).schema, 'weir.decision/1')
  assert.match(stderr, /^300 messages: .* approve/m)
  assert.match(stderr, /^What to try next$/m)
})

test('the summary names the model, says what engine time is, and where the decisions are', async () => {
  const argv = ['stream', '--limit', '100', '--decisions-out', 'all.jsonl']
  const { stdout, stderr } = await runCommand(argv, commands, folder)
  assert.equal(stdout, '')
  assert.equal(readFileSync(join(folder, 'all.jsonl'), 'utf8').trimEnd().split('\n').length, 100)
  assert.match(stderr, /Every decision +all\.jsonl \(100 lines of JSON, 1 MiB\)/)
  assert.match(stderr, /Model +\S+ v\d+, policy default: review from 0\.\d+, deny from 0\.\d+/)
  assert.match(stderr, /Engine time +p50 .* each charged with its whole batch/s)
})
