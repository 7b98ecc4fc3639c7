// What the topic's outcome says where a call was answered before: through the pipeline, with journals and answers in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, AnswerSeal } from '../../features/answer.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import { Intake } from '../api/intake.ts'
import { hashKey, makeAssembly } from '../api/testing/sidecar-world.ts'
import { makePipeline } from '../assemble.ts'
import { decisionCore } from './decision.ts'
import type { Pipeline } from './pipeline.ts'
import type { Message, Outcome } from './ports.ts'

const assembly = makeAssembly()
const seal = new AnswerSeal(hashKey)

type Change = Readonly<Record<string, unknown>>

class World {
  readonly store = new MemoryStore(assembly.plan, { bytesMax: 1 << 26 })
  readonly kept = new Map<string, Answer>()
  readonly said: string[] = []
  asked = 0
  readonly calls = this.#pipeline('serve')
  readonly stream = this.#pipeline('stream')
  readonly #intake = new Intake(assembly.mapping.parser(), assembly.plan, hashKey)
  #offset = 0

  #pipeline(mode: 'serve' | 'stream'): Pipeline {
    const say = (_: object, message: string) => this.said.push(message)
    const parser = assembly.mapping.parser()
    const kept = {
      keep: () => Promise.reject(new Error('a stream keeps none')),
      find: (addresses: readonly { id: string }[]) => {
        this.asked += addresses.length
        return Promise.resolve(addresses.map(({ id }) => this.kept.get(id) ?? null))
      },
    }
    const log = { info: say, warn: say, error: say }
    const calls = { kept, log }
    const { store } = this
    const shared = { store, parser, hashKey, mode, source: 'transactions', clock: null }
    return makePipeline(assembly, mode === 'stream' ? { ...shared, calls } : shared)
  }

  /** The call as the sidecar decides it, and its answer. */
  async call(change: Change): Promise<Answer> {
    const message = { ...this.message(change), partition: -1, offset: -1 }
    const [outcome] = await this.calls.process([message])
    return this.answer(change, outcome!.value)
  }

  answer(change: Change, body: string): Answer {
    const known = this.#intake.read(Buffer.from(transactionJson(change)), corpusReceivedMs)
    assert.ok('address' in known)
    return { ...known.address, fingerprint: known.fingerprint, body }
  }

  keep(answer: Answer): void {
    this.kept.set(answer.id, answer)
  }

  message(change: Change, answer: Uint8Array | null = null): Message {
    return {
      partition: 0,
      offset: this.#offset++,
      key: null,
      value: Buffer.from(transactionJson(change)),
      timestampMs: corpusReceivedMs,
      traceparent: null,
      answer,
    }
  }

  async outcome(message: Message): Promise<Outcome> {
    const [outcome] = await this.stream.process([message])
    return outcome!
  }
}

interface Parsed {
  readonly features?: Readonly<Record<string, number | null>>
  readonly first?: object
  readonly answer?: object
}

function parse({ value }: Outcome): Parsed {
  return JSON.parse(value) as Parsed
}

const standIn = '{"outcome":"deny","rung":"stand-in","id":"x"}'

test('a sealed answer is the decision of the first offset, byte for byte, also when that comes again', async () => {
  const world = new World()
  const answer = await world.call({ id: 'x' })
  const message = world.message({ id: 'x' }, seal.seal(answer))
  for (let time = 0; time < 2; time++) {
    const { type, value, outcome, rung } = await world.outcome(message)
    assert.deepEqual([type, value, outcome, rung], ['decision', answer.body, 'review', 'full'])
  }
  assert.equal(world.asked, 0, 'nobody was asked')
})

test('the answer of a call that never was counted is the decision all the same, and now it is counted', async () => {
  const world = new World()
  const answer = world.answer({ id: 'x' }, standIn)
  const { value, outcome, rung } = await world.outcome(
    world.message({ id: 'x' }, seal.seal(answer)),
  )
  assert.deepEqual([value, outcome, rung], [standIn, 'deny', 'stand-in'])
  const next = await world.outcome(world.message({ id: 'y' }))
  assert.equal(parse(next).features!['card_count_1d'], 2)
})

test('a message without an answer gets the kept one where a call was first; else it is decided from the call’s own view', async () => {
  const world = new World()
  const answer = await world.call({ id: 'x' })
  await world.call({ id: 'between' })
  const message = world.message({ id: 'x' })
  const derived = await world.outcome(message)
  assert.equal(decisionCore(derived.value), decisionCore(answer.body))
  world.keep(world.answer({ id: 'x' }, standIn))
  for (let time = 0; time < 2; time++) {
    assert.equal((await world.outcome(message)).value, standIn)
  }
  assert.equal(world.asked, 3, 'only where a call was first')
})

test('a later message of a transaction is a duplicate, with what its call was answered', async () => {
  const world = new World()
  const answer = await world.call({ id: 'x' })
  const first = world.message({ id: 'x' }, seal.seal(answer))
  await world.outcome(first)
  const without = await world.outcome(world.message({ id: 'x' }))
  assert.equal(without.type, 'duplicate')
  const at = { name: 'transactions', partition: 0, offset: first.offset }
  assert.deepEqual(parse(without).first, at)
  assert.ok(!('answer' in parse(without)))
  // Its sidecar had no Redis then.
  const other = seal.seal(world.answer({ id: 'x' }, standIn))
  const later = await world.outcome(world.message({ id: 'x' }, other))
  assert.deepEqual([later.type, later.outcome], ['duplicate', null])
  assert.deepEqual(parse(later).first, at)
  assert.deepEqual(parse(later).answer, JSON.parse(standIn))
  assert.equal(world.asked, 0)
})

test('an answer under another key, of another transaction, or of another content is not believed, and it is said', async () => {
  const world = new World()
  const forged = '{"outcome":"approve","rung":"full","id":"x"}'
  const sealed = [
    new AnswerSeal(Buffer.alloc(16, 7)).seal(world.answer({ id: 'x' }, forged)),
    seal.seal(world.answer({ id: 'other' }, forged)),
    seal.seal(world.answer({ id: 'x', amount: '1.00' }, forged)),
    Buffer.from(forged),
    Buffer.alloc(0),
  ]
  const message = world.message({ id: 'x' })
  const { value } = await world.outcome(message)
  for (const [at, answer] of sealed.entries()) {
    const outcome = await world.outcome({ ...message, answer })
    assert.equal(outcome.value, value)
    assert.equal(world.said.length, at + 1)
  }
  // Sealed by an engine of another version: nothing to count it by.
  const unknown = seal.seal(world.answer({ id: 'x' }, '{"outcome":"maybe"}'))
  assert.equal((await world.outcome({ ...message, answer: unknown })).value, value)
})

test('a label of a call is recorded once', async () => {
  const world = new World()
  const at = { at: '2026-03-01T11:59:00Z', time: '2026-03-01T11:00:00Z' }
  const label = { id: 'l', type: 'label', verdict: '1', ...at }
  await world.calls.process([{ ...world.message(label), partition: -1, offset: -1 }])
  assert.equal((await world.outcome(world.message(label))).type, 'recorded')
  assert.equal((await world.outcome(world.message(label))).type, 'duplicate')
})
