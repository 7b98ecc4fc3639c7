// Claims about which wrong decisions are noticed: those of the pipeline itself, changed one by one.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { type Assembly, assemble, makePipeline, shipped } from '../../engine/assemble.ts'
import type { Message } from '../../engine/core/ports.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { benchHashKey, makeMessages } from '../workload.ts'
import { HandCheck } from './hand-check.ts'
import { type Answered, checkAll } from './verification.ts'

const count = 3000
let assembly: Assembly
let answered: Answered[]

before(async () => {
  const models = [{ folder: shipped.model, share: 0 }]
  assembly = await assemble({ ...shipped, models, policy: null })
  const store = new MemoryStore(assembly.plan, { bytesMax: 2 ** 28 })
  const pipeline = makePipeline(assembly, {
    store,
    parser: assembly.mapping.parser(),
    hashKey: benchHashKey,
    mode: 'bench',
    source: 'bench',
    clock: null,
  })
  const messages = makeMessages(count)
  answered = []
  for (let first = 0; first < count; first += 50) {
    const some: readonly Message[] = messages.slice(first, first + 50)
    for (const [at, { value }] of (await pipeline.process(some)).entries()) {
      answered.push({
        value: Buffer.from(some[at]!.value!),
        timestampMs: Number.NaN,
        answer: value,
      })
    }
  }
})

function faultsOf(all: readonly Answered[], drawn: readonly Answered[] = all.slice(-200)) {
  const check = new HandCheck(assembly, { isOfCalls: false })
  for (const { value, timestampMs, answer } of all) {
    check.add(value, timestampMs, answer)
  }
  return checkAll(check, drawn)
}

function isDecision({ answer }: Answered): boolean {
  return answer.includes('"type":"decision"')
}

/** The last one that was decided, changed; all others as they were. */
function changed(change: (text: string) => string): { all: Answered[]; one: Answered } {
  const at = answered.findLastIndex(isDecision)
  const one = { ...answered[at]!, answer: change(answered[at]!.answer) }
  assert.notEqual(one.answer, answered[at]!.answer)
  return { all: answered.with(at, one), one }
}

test('decisions of the pipeline are right, whatever order they are taken down in', async () => {
  const { wrong, faults, decisions, values } = await faultsOf(answered.toReversed())
  assert.deepEqual(faults, [])
  assert.equal(wrong, 0)
  assert.ok(decisions > 180 && values > 180 * 40, `${decisions} decisions, ${values} values`)
})

test('a feature off by one is found and named, and so are a score and an outcome', async () => {
  const cases: readonly (readonly [(text: string) => string, RegExp])[] = [
    [
      (text) =>
        text.replace(/"card_count_30d":(\d+)/, (_, n) => `"card_count_30d":${Number(n) + 1}`),
      /card_count_30d: expected \d+, found \d+/,
    ],
    [
      (text) => text.replace(/"score":[\d.]+/, '"score":0.123456'),
      /score: expected [\d.e-]+, found 0\.123456/,
    ],
    [
      (text) => text.replace(/"outcome":"approve"/, '"outcome":"deny"'),
      /outcome: expected approve, found deny/,
    ],
  ]
  for (const [change, expected] of cases) {
    const { all, one } = changed(change)
    const { wrong, faults } = await faultsOf(all, [one])
    assert.ok(wrong > 0)
    assert.match(faults.join('\n'), expected)
  }
})

test('a place in a journal that two decisions claim is found, and a record that nobody tells of', async () => {
  const { all } = changed((text) =>
    text.replace(
      /"ordinals":\{"card":(\d+)/,
      (_, n) => `"ordinals":{"card":${Math.max(0, Number(n) - 1)}`,
    ),
  )
  const twice = await faultsOf(all)
  assert.match(twice.faults.join('\n'), /card \d+ is .*'s/)
  const one = answered.findLast(isDecision)!
  const { merchant } = JSON.parse(one.value.toString()) as { merchant: string }
  const before = answered.findIndex(({ value }) => value.includes(`"${merchant}"`))
  const gap = await faultsOf(answered.toSpliced(before, 1), [one])
  assert.match(gap.faults.join('\n'), /nothing is at an ordinal before/)
})
