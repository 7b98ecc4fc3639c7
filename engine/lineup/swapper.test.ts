// Claims about changing models: through the whole gate in a thread, all or nothing, one change at a time, and nobody closes
// what still decides.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type Model, ModelError, ModelRefusal } from '../../models/model.ts'
import { openModel } from '../../models/open.ts'
import type { Lineup } from '../core/lineup.ts'
import { defaultPolicy } from '../core/policy.ts'
import type { Log } from '../core/ports.ts'
import { parseDocument } from '../document.ts'
import { admit } from './admission.ts'
import { RemoteModel } from './remote-model.ts'
import { Swapper } from './swapper.ts'
import { failures } from './testing/failures.ts'
import { ModelsFolder, shippedDefinitions } from './testing/models-folder.ts'
import { manifestHash } from './watched-folder.ts'

const terms = { definitions: shippedDefinitions, providers: ['cpu'], rowMax: 16 }
const quiet: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

let folder: ModelsFolder

beforeEach(() => {
  folder = new ModelsFolder()
})

afterEach(() => {
  folder.dispose()
})

/** Decides with whatever lineup it is given, and can be held in the middle of a batch. */
class Engine {
  lineup: Lineup
  swaps = 0
  /** A batch is under way until this resolves. */
  batch: Promise<void> = Promise.resolve()

  constructor(lineup: Lineup) {
    this.lineup = lineup
  }

  async swap(lineup: Lineup): Promise<void> {
    this.swaps++
    await this.batch
    this.lineup = lineup
  }
}

async function start(...names: readonly string[]): Promise<{ engine: Engine; swapper: Swapper }> {
  const folders = names.map((name) => folder.make(name))
  const seats = []
  for (const from of folders) {
    const model = await admit(from, terms)
    seats.push({ model, policy: defaultPolicy(model.thresholds), share: 0 })
  }
  const engine = new Engine({ seats, cohortEntity: 0 })
  const swapper = new Swapper({
    engine,
    lineup: engine.lineup,
    folders,
    admit: (from, signal) => admit(from, terms, signal),
    hashOf: manifestHash,
    policyOf: (suggested) => defaultPolicy(suggested),
    log: quiet,
  })
  return { engine, swapper }
}

const modelsOf = ({ lineup }: Engine): Model[] => lineup.seats.map(({ model }) => model!)
const namesOf = (engine: Engine): string[] => modelsOf(engine).map(({ name }) => name)
const seatAt = (name: string, share = 0) => ({ folder: join(folder.path, name), share })

async function scoreOf(model: Model): Promise<number> {
  const out = new Float64Array(1)
  model.rows.set([1, 2, 3])
  await model.score(1, out)
  return out[0]!
}

async function stop(swapper: Swapper): Promise<void> {
  await Promise.all((await swapper.close()).map((model) => model.close()))
}

describe('a change of models', () => {
  it('is there when it resolves; the old model is closed, and scores no more', async () => {
    const { engine, swapper } = await start('a')
    const [before] = modelsOf(engine)
    folder.make('b')
    await swapper.change([seatAt('b')])
    assert.deepEqual(namesOf(engine), ['b'])
    await assert.rejects(scoreOf(before!), ModelError)
    assert.ok((await scoreOf(modelsOf(engine)[0]!)) > 0)
    assert.deepEqual(swapper.stats, { swaps: 1, refusals: 0 })
    await stop(swapper)
  })

  it('closes the old model only behind its last batch', async () => {
    const { engine, swapper } = await start('a')
    const [before] = modelsOf(engine)
    let end = (): void => undefined
    engine.batch = new Promise((resolve) => {
      end = resolve
    })
    folder.make('b')
    const change = swapper.change([seatAt('b')])
    while (engine.swaps === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.ok((await scoreOf(before!)) > 0, 'its batch is still running')
    end()
    await change
    await assert.rejects(scoreOf(before!), ModelError)
    await stop(swapper)
  })

  it('keeps a model that stays: it is neither opened again nor closed', async () => {
    const { engine, swapper } = await start('a')
    const [champion] = modelsOf(engine)
    folder.make('b')
    await swapper.change([seatAt('a'), seatAt('b', 500)])
    assert.equal(modelsOf(engine)[0], champion)
    assert.deepEqual(
      engine.lineup.seats.map(({ share }) => share),
      [0, 500],
    )
    await swapper.change([seatAt('b'), seatAt('a')])
    assert.deepEqual(namesOf(engine), ['b', 'a'])
    assert.ok((await scoreOf(champion!)) > 0)
    await stop(swapper)
  })

  it('takes a folder again whose manifest has changed', async () => {
    const { engine, swapper } = await start('a')
    folder.make('a', { version: 2 })
    await swapper.change([seatAt('a')])
    assert.deepEqual(
      modelsOf(engine).map(({ version }) => version),
      [2],
    )
    await swapper.change([seatAt('a')])
    assert.equal(swapper.stats.swaps, 1, 'the second time nothing had changed')
    await stop(swapper)
  })

  it('that is refused changes nothing, says why, and leaves nothing open', async () => {
    const { engine, swapper } = await start('a')
    folder.make('good')
    folder.makeBroken('bad')
    await assert.rejects(swapper.change([seatAt('good'), seatAt('bad')]), (error) => {
      assert.ok(error instanceof ModelRefusal)
      assert.match(error.message, /golden row 0: expected 0\.123/)
      return true
    })
    await assert.rejects(swapper.change([seatAt('missing')]), ModelRefusal)
    assert.deepEqual(namesOf(engine), ['a'])
    assert.equal(engine.swaps, 0)
    assert.ok((await scoreOf(modelsOf(engine)[0]!)) > 0)
    assert.deepEqual(swapper.stats, { swaps: 0, refusals: 2 })
    await stop(swapper)
  })

  it('waits for the one before it, and the last one stays', async () => {
    const { engine, swapper } = await start('a')
    for (const name of ['b', 'c', 'd']) folder.make(name)
    await Promise.all(['b', 'c', 'd'].map((name) => swapper.change([seatAt(name)])))
    assert.deepEqual(namesOf(engine), ['d'])
    assert.equal(swapper.stats.swaps, 3)
    await stop(swapper)
  })
})

describe('at the stop', () => {
  it('what is at the gate is given up, and what waits behind it is refused', async () => {
    const { engine, swapper } = await start('a')
    folder.make('b')
    const changes = ['b', 'b'].map((name) => swapper.change([seatAt(name)]))
    const refused = changes.map((change) => assert.rejects(change, ModelError))
    await stop(swapper)
    await Promise.all(refused)
    assert.deepEqual(namesOf(engine), ['a'])
    assert.equal(swapper.stats.refusals, 0)
  })

  it('the gate is left at once, whatever it is doing', async () => {
    const closing = new AbortController()
    const opening = RemoteModel.open('never admitted', terms, closing.signal, silentThread)
    closing.abort()
    await assert.rejects(opening, /it is closed/)
    await assert.rejects(RemoteModel.open('x', terms, closing.signal, silentThread), ModelError)
  })
})

/** Never says anything. */
const silentThread = new URL('data:text/javascript,setInterval(() => 0, 1e6)')
const failingThread = new URL('testing/failing-thread.js', import.meta.url)

describe('a thread that fails', () => {
  const cases: readonly (readonly [keyof typeof failures, RegExp])[] = [
    ['hang', /no answer within 1001 ms/],
    ['exit', /its thread has ended with 3/],
    ['throw', /out of order/],
  ]
  for (const [what, reason] of cases) {
    it(`holds nobody up (${what}): its call fails, so do those behind it, until another thread is there`, async (t) => {
      const model = await RemoteModel.open('m', terms, null, failingThread)
      t.after(() => model.close())
      const out = new Float64Array(1)
      model.rows[0] = failures[what]
      await assert.rejects(model.score(1, out), (error) => {
        assert.ok(error instanceof ModelError)
        assert.match(error.message, reason)
        return true
      })
      model.rows[0] = failures.none
      await assert.rejects(model.score(1, out), reason)
      for (;;) {
        const isThere = await model.score(1, out).then(
          () => true,
          (error: unknown) => {
            assert.match(String(error), reason)
            return false
          },
        )
        if (isThere) break
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal(out[0], 0.5)
    })
  }

  it('is not replaced once the model is closed', async () => {
    const model = await RemoteModel.open('m', terms, null, failingThread)
    model.rows[0] = failures.exit
    const out = new Float64Array(1)
    await assert.rejects(model.score(1, out), ModelError)
    await model.close()
    await assert.rejects(model.score(1, out), ModelError)
    await model.close()
  })
})

describe('a model in a thread of its own', () => {
  it('gives the scores and contributions that it gives here, and ends with its thread', async () => {
    const from = folder.make('a')
    const remote = await RemoteModel.open(from, terms)
    const here = await openModel(from, shippedDefinitions, parseDocument, { rowMax: 16 })
    for (const model of [remote, here]) {
      model.rows.set([1, 2, 3, 0, 0, 0, -4, 5, 6])
    }
    const [there, local] = [new Float64Array(3), new Float64Array(3)]
    await remote.score(3, there)
    await here.score(3, local)
    assert.deepEqual(there, local)
    const contributions = [new Float64Array(6), new Float64Array(6)] as const
    await remote.explain(Float32Array.of(1, 2, 3, 4, 5, 6), 2, contributions[0])
    await here.explain(Float32Array.of(1, 2, 3, 4, 5, 6), 2, contributions[1])
    assert.deepEqual(contributions[0], contributions[1])
    await remote.close()
    await here.close()
    await assert.rejects(remote.score(1, there), ModelError)
  })

  it('refuses what the gate refuses, with its faults', async () => {
    folder.makeBroken('bad')
    await assert.rejects(RemoteModel.open(join(folder.path, 'bad'), terms), ModelRefusal)
    rmSync(join(folder.path, 'bad', 'golden.json'))
    await assert.rejects(RemoteModel.open(join(folder.path, 'bad'), terms), /golden\.json/)
  })
})
