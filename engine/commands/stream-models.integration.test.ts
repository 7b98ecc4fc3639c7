// A stream whose models change while it works, on a real broker and a real Redis: every offset has one decision, by one model, and
// what is refused changes nothing.
import assert from 'node:assert/strict'
import { ModelsFolder } from '../lineup/testing/models-folder.ts'
import type { LogRecord } from '../stream/kafka.ts'
import { Deployment, documentOf, sourceOffset, stopCleanly } from '../testing/deployment.ts'
import { test } from '../testing/limited.ts'

interface Decision {
  readonly type: string
  readonly rung: string
  readonly model: { readonly name: string }
  readonly scores?: readonly object[]
}

// The fields that a decision has besides those of every document; the schema's own test holds them.
const decisionOf = (record: LogRecord): Decision => documentOf(record) as unknown as Decision

test('models change under load: each offset has one decision, of a model that was admitted, and all of them had their turn', async (t) => {
  const folder = new ModelsFolder()
  t.after(() => {
    folder.dispose()
  })
  for (const name of ['a', 'b', 'c']) folder.make(name)
  folder.makeBroken('bad')
  folder.write({ models: ['a'] })
  const made = await Deployment.make(t)
  const config = JSON.parse(made.config) as object
  const engine = made.start(JSON.stringify({ ...config, models_folder: folder.path }))
  const lineups = [['a'], ['b'], ['bad'], ['b', 'c'], ['c', 'a@50%'], ['a']]
  let fed = 0
  /** Keeps the engine at work until it has done what a lineup asks for. */
  const workUntil = async (isDone: (last: Decision) => boolean): Promise<LogRecord[]> => {
    for (;;) {
      await made.feed(fed, 100)
      fed += 100
      const records = await made.outcomes(fed)
      if (isDone(decisionOf(records.at(-1)!))) return records
    }
  }
  let records: LogRecord[] = []
  for (const models of lineups) {
    folder.write({ models })
    records = await workUntil(({ model, scores = [] }) => {
      if (models[0] === 'bad') return engine.stderr.includes('golden row 0')
      const names = models.map((entry) => entry.split('@', 1)[0]!)
      return names.includes(model.name) && Math.max(1, scores.length) === names.length
    })
  }
  await stopCleanly(engine)
  assert.deepEqual(
    records.map(sourceOffset),
    Array.from({ length: fed }, (_, offset) => offset),
  )
  const decisions = records.map(decisionOf)
  assert.deepEqual(new Set(decisions.map(({ type }) => type)), new Set(['decision']))
  assert.deepEqual(new Set(decisions.map(({ model }) => model.name)), new Set(['a', 'b', 'c']))
  const others = decisions.filter(({ rung }) => rung !== 'full' && rung !== 'no-challenger')
  assert.deepEqual(others, [])
})
