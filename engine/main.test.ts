// How the process ends: with the command, whatever is still open, and never before its output has left.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

test('its output is whole, though the reader of the pipe is slow', limit, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-main-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  const features = Array.from({ length: 8000 }, (_, n) => {
    return { name: `count_${n}`, entity: 'card', aggregate: 'count', window: `${n + 1}s` }
  })
  const catalog = join(folder, 'catalog.yaml')
  writeFileSync(catalog, JSON.stringify({ features }))
  const engine = new EngineProcess(['features', '--catalog', catalog], null)
  // More than a pipe holds: the command is done while most of it has not left.
  engine.child.stdout?.pause()
  await engine.said('next: ')
  await new Promise((resolve) => setTimeout(resolve, 300))
  engine.child.stdout?.resume()
  const { code, stdout } = await engine.ended
  assert.equal(code, 0)
  assert.match(stdout, /^count_7999 /m)
})
