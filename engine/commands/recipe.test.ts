// docs/python.md, end to end: a model that was trained in Python on rows of the engine, and imported, gives transactions that
// come by the engine the scores that Python gave them.
//
// fixtures/recipe-v1 was made by the commands of that page over `--input generator --limit 800000`, but for --sample; its
// scores.jsonl has LightGBM's scores of rows of `--input generator --seed 7 --limit 3000`: every 60th and the 20 highest.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../testing/command-run.ts'
import { command } from './command.ts'
import { replayLine, runReplay } from './replay.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const model = join(root, 'models/testing/fixtures/recipe-v1')
const folder = mkdtempSync(join(tmpdir(), 'weir-recipe-'))
after(() => {
  rmSync(folder, { recursive: true })
})

function readLines<T>(file: string): T[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as T)
}

interface Scored {
  readonly transaction_id: string
  readonly score: number
}

interface Decision {
  readonly type: string
  readonly id: string
  readonly score: number
  readonly model: { readonly name: string }
}

/** What the page promises, and what rounding to six digits adds. */
const tolerance = 1e-6 + 0.5e-6

test('the engine gives transactions the scores that Python gave their rows', async () => {
  const out = join(folder, 'decisions.jsonl')
  const asked = `replay --input generator --seed 7 --limit 3000 --model ${model} --decisions-out ${out}`
  const { exitCode, stderr } = await runCommand(
    asked.split(' '),
    [command(replayLine, runReplay)],
    folder,
  )
  assert.equal(exitCode, 0, stderr)
  const decisions = readLines<Decision>(out).filter(({ type }) => type === 'decision')
  const found = new Map(decisions.map(({ id, score }) => [id, score]))
  const expected = readLines<Scored>(join(model, 'scores.jsonl'))
  assert.ok(expected.length >= 60)
  assert.ok(new Set(expected.map(({ score }) => score)).size > 40, 'scores that tell rows apart')
  for (const { transaction_id: id, score } of expected) {
    const difference = Math.abs(found.get(id)! - score)
    assert.ok(difference <= tolerance, `${id}: expected ${score}, found ${found.get(id)}`)
  }
  assert.deepEqual([...new Set(decisions.map((one) => one.model.name))], ['recipe'])
})

test('what the page quotes of the script stands there', () => {
  const page = readFileSync(join(root, 'docs/python.md'), 'utf8')
  const script = readFileSync(join(root, 'docs/examples/lightgbm-recipe.py'), 'utf8')
  const quoted = [...page.matchAll(/```python\n(.*?)```/gs)].map(([, text]) => text!)
  assert.equal(quoted.length, 3)
  for (const text of quoted) assert.ok(script.includes(text), text)
})
