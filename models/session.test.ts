// Providers in their order: which one runs a model, what is told of it, and what happens when it fails while it scores.
// A provider that fails is a real session of the runtime that has lost its memory.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { ModelRefusal } from './model.ts'
import { type ProviderAttempt, ProviderSession } from './session.ts'
import {
  attribute,
  floats,
  linearParts,
  linearScore,
  modelFile,
  node,
  wholes,
} from './testing/model-files.ts'

const runtime = { InferenceSession, Tensor }
const linear = modelFile(linearParts())
const row = [1, 2, 3]
const feeds = { features: new Tensor('float32', Float32Array.from(row), [1, 3]) }

interface World {
  readonly session: ProviderSession
  readonly told: string[]
  /** What the runtime opened, in order. */
  readonly opened: () => Promise<InferenceSession[]>
  /** Something happens while the next session is being opened. */
  readonly meanwhile: (happens: () => Promise<void>) => void
}

async function open(t: TestContext, providers: string[], bytes = linear): Promise<World> {
  const create = t.mock.method(InferenceSession, 'create').mock
  const told: string[] = []
  const session = await ProviderSession.open(runtime, 'model.onnx', bytes, providers, (attempt) => {
    told.push(textOf(attempt))
  })
  t.after(() => session.release())
  const opened = async () => {
    const sessions = await Promise.allSettled(
      create.calls.flatMap(({ result }) => (result === undefined ? [] : [result])),
    )
    return sessions.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  }
  const meanwhile = (happens: () => Promise<void>): void => {
    create.mockImplementationOnce(async () => {
      const next = await InferenceSession.create(bytes)
      await happens()
      return next
    })
  }
  return { session, told, opened, meanwhile }
}

function textOf({ provider, during, failure }: ProviderAttempt): string {
  return `${during} ${provider}: ${failure === null ? 'fine' : 'failed'}`
}

async function scoreOf(session: ProviderSession): Promise<number> {
  const { score } = await session.run(feeds, ['score'])
  return ((score as Tensor).data as Float32Array)[0]!
}

function near(found: number): void {
  assert.ok(Math.abs(found - linearScore(row)) < 1e-6, String(found))
}

test('the first provider that takes the model runs it; each is asked once, and all of it is told', async (t) => {
  const { session, told } = await open(t, ['cuda', 'tensorrt', 'nowhere', 'cpu', 'coreml'])
  assert.equal(session.provider, 'cpu')
  near(await scoreOf(session))
  near(await scoreOf(session))
  assert.deepEqual(told, [
    'opening cuda: failed',
    'opening tensorrt: failed',
    'opening nowhere: failed',
    'opening cpu: fine',
  ])
})

test('where no provider takes the model it is refused with what each of them said', async () => {
  await assert.rejects(
    ProviderSession.open(
      runtime,
      'model.onnx',
      linear,
      ['cuda', 'tensorrt', 'dml'],
      () => undefined,
    ),
    (error) => {
      assert.ok(error instanceof ModelRefusal)
      const lines = error.message.split('\n')
      assert.match(
        lines[0]!,
        /expected a model that runs on cuda, found .*Failed to load shared library/,
      )
      assert.match(lines[1]!, /on tensorrt, found .*Failed to load shared library/)
      assert.match(lines[2]!, /on dml, found .*backend not found/)
      return true
    },
  )
})

test('a provider that fails while it scores is left for the next one, which scores the same rows', async (t) => {
  const { session, told, opened } = await open(t, ['cpu', 'nowhere', 'cpu'])
  near(await scoreOf(session))
  await (await opened())[0]!.release()
  near(await scoreOf(session))
  assert.deepEqual(told, [
    'opening cpu: fine',
    'opening nowhere: failed',
    'scoring cpu: failed',
    'scoring cpu: fine',
  ])
  near(await scoreOf(session))
  assert.equal((await opened()).length, 2, 'it stays there')
  await (await opened())[1]!.release()
  await assert.rejects(session.run(feeds, ['score']), 'no provider is left')
})

test('rows that fail everywhere do not cost the provider, and open no session twice', async (t) => {
  // Looks up a place that there is none of for an amount of 777.
  const bytes = modelFile({
    ...linearParts(),
    initializer: [
      floats('table', [1], [0.25]),
      floats('special', [1], [777]),
      wholes('first', [1], [0]),
    ],
    node: [
      node('Gather', ['features', 'first'], ['amount'], [attribute.int('axis', 1)]),
      node('Equal', ['amount', 'special'], ['isSpecial']),
      node('Cast', ['isSpecial'], ['place'], [attribute.int('to', 7)]),
      node('Gather', ['table', 'place'], ['score']),
    ],
  })
  const { session, told, opened } = await open(t, ['cpu', 'cpu', 'cpu'], bytes)
  const bad = { features: new Tensor('float32', Float32Array.of(777, 0, 0), [1, 3]) }
  for (let round = 0; round < 3; round++) {
    await assert.rejects(session.run(bad, ['score']), /indices element out of data bounds/)
  }
  assert.deepEqual(told, ['opening cpu: fine'])
  assert.equal((await opened()).length, 3)
  assert.equal(await scoreOf(session), 0.25)
})

test('released while it falls back, it ends up with nothing open', async (t) => {
  const { session, opened } = await open(t, ['cpu', 'cpu'])
  await (await opened())[0]!.release()
  const running = session.run(feeds, ['score']).catch((error: unknown) => error)
  await session.release()
  await running
  await assert.rejects(session.run(feeds, ['score']))
  for (const one of await opened()) await assert.rejects(one.run(feeds))
})

test('released while the next provider is being opened, it closes that one too', async (t) => {
  const { session, opened, meanwhile } = await open(t, ['cpu', 'cpu'])
  await (await opened())[0]!.release()
  meanwhile(() => session.release())
  await session.run(feeds, ['score']).catch(() => null)
  assert.equal((await opened()).length, 3, 'the first, and the next one with what it is made by')
  for (const one of await opened()) await assert.rejects(one.run(feeds))
})
