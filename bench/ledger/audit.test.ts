// Decisions held against the naive oracle: right ones pass, and each way of being wrong is noticed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assemble, shipped } from '../../engine/assemble.ts'
import { makeMessages } from '../workload.ts'
import { Audit } from './audit.ts'
import { BenchEngine } from './bench-engine.ts'

const files = { ...shipped, models: [], policy: null }
const messages = makeMessages(600)

test('decisions that are right have no faults, in a batch of any size', async () => {
  for (const batch of [1, 64]) {
    const engine = await BenchEngine.open('memory', files, 7)
    await engine.decide(messages, batch)
    assert.deepEqual(engine.faults(messages), [])
    await engine.close()
  }
})

test('a transaction that was left out is noticed in the decisions behind it', async () => {
  const engine = await BenchEngine.open('memory', files, 1)
  await engine.decide(messages.slice(1), 64)
  const faults = engine.faults(messages)
  await engine.close()
  assert.match(faults[0] ?? '', /: expected .+, found /)
})

test('one number that is off is named', async () => {
  const audit = new Audit(await assemble(files), 1)
  const decision = { type: 'decision', approximate: [], features: {} }
  audit.keepSome(new Map([[0, JSON.stringify(decision)]]))
  assert.match(
    audit.faults(messages.slice(0, 1))[0] ?? '',
    /card_count_1m: expected 1, found undefined/,
  )
})

test('nothing to compare is a fault', async () => {
  const audit = new Audit(await assemble(files), 1)
  assert.deepEqual(audit.faults(messages), ['expected decisions to compare, found none'])
})
