// Wrong engines, each caught by the test that is named for it. So that no test passes by testing nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTest } from './testing/mutant-run.ts'
import { mutants } from './testing/mutants.ts'

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
