// How the process ends: with the command, whatever is still open, and never before its output has left.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineProcess } from './testing/engine-process.ts'

const limit = { timeout: 60_000 }

test(
  'a command that is done ends, though a client has left a connection or a timer',
  limit,
  async () => {
    const left = 'data:text/javascript,setInterval(()=>{},1e9)'
    const engine = new EngineProcess(['features'], null, { NODE_OPTIONS: `--import=${left}` })
    const { code, stdout } = await engine.ended
    assert.equal(code, 0)
    assert.match(stdout, /card_count_1d/)
  },
)

test('its output is whole, though the reader of the pipe is slow', limit, async () => {
  const args = ['stream', '--input', 'generator', '--limit', '3000', '--decisions-out', '-']
  const engine = new EngineProcess(args, null)
  engine.child.stdout?.pause()
  // The pipe is full long before the end, and the process waits for it.
  await engine.said('weir: ')
  await new Promise((resolve) => setTimeout(resolve, 1500))
  engine.child.stdout?.resume()
  const { code, stdout, stderr } = await engine.ended
  assert.equal(code, 0, stderr)
  const decisions = stdout.split('\n').filter((line) => line.startsWith('{'))
  assert.equal(decisions.length, 3000)
  assert.ok(decisions.every((line) => line.endsWith('}')))
  assert.equal(stdout.at(-1), '\n')
})
