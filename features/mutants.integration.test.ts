// Wrong engines, each caught by the test that is named for it. So that no test passes by testing nothing.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mutants } from './testing/mutants.ts'

const built = fileURLToPath(new URL('..', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs one test of a file in a process of its own, with a mutant or without. */
function runTest(file: string, title: string, mutant: number | null): Promise<Ended> {
  const pattern = `^${title.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`
  const args = ['--test-reporter=tap', `--test-name-pattern=/${pattern}/`, file]
  if (mutant !== null) args.unshift('--import', './features/testing/mutant-loader.js')
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const env = { ...environment, WEIR_MUTANT: String(mutant) }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: built, env })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, output })
    })
  })
}

for (const [index, { name, test: file, title }] of mutants.entries()) {
  test(`an engine in which ${name} is caught by: ${title}`, async () => {
    const right = await runTest(file, title, null)
    assert.equal(right.code, 0, right.output)
    assert.match(right.output, /^# pass [1-9]/m, `no test of that title in ${file}`)
    const wrong = await runTest(file, title, index)
    assert.equal(wrong.code, 1, `it was not noticed:\n${wrong.output}`)
    assert.match(wrong.output, /code: 'ERR_(ASSERTION|TEST_FAILURE)'/, wrong.output)
    assert.doesNotMatch(wrong.output, /expected once, found/, wrong.output)
  })
}
