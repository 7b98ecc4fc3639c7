// What every model must do. The suite runs against each adapter, on a real model.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type Model, ModelError } from './model.ts'

/** How a suite gets at an adapter. */
export interface ModelWorld {
  open(rowMax: number): Promise<Model>
  /** Rows that the model gives a number for, no two of them alike; NaN is absent. */
  readonly rows: readonly (readonly number[])[]
}

const rowMax = 24

export function modelContract(name: string, world: ModelWorld): void {
  const open = async (t: TestContext): Promise<Model> => {
    const model = await world.open(rowMax)
    t.after(() => model.close())
    return model
  }

  /** Scores world rows `at`, in that order. */
  const score = async (model: Model, at: readonly number[]): Promise<number[]> => {
    const out = new Float64Array(rowMax)
    write(model, at)
    await model.score(at.length, out)
    return [...out.subarray(0, at.length)]
  }

  const write = (model: Model, at: readonly number[]): void => {
    for (const [place, row] of at.entries()) {
      model.rows.set(world.rows[row % world.rows.length]!, place * model.inputs.length)
    }
  }

  const counting = (count: number, first = 0): number[] =>
    Array.from({ length: count }, (_, at) => first + at)

  const alone = async (model: Model): Promise<number[]> => {
    const scores: number[] = []
    for (const row of world.rows.keys()) scores.push(...(await score(model, [row])))
    return scores
  }

  describe(name, () => {
    it('has room for rowMax rows of its inputs, and says who it is', async (t) => {
      const model = await open(t)
      assert.equal(model.rowMax, rowMax)
      assert.equal(model.rows.length, rowMax * model.inputs.length)
      assert.ok(model.inputs.length > 0 && model.name !== '' && model.version > 0)
      assert.notEqual(model.hash, '')
      assert.ok(model.thresholds.review <= model.thresholds.deny)
    })

    it('gives each row a probability, and not all the same', async (t) => {
      const scores = await alone(await open(t))
      assert.ok(
        scores.every((one) => one >= 0 && one <= 1),
        String(scores),
      )
      assert.ok(new Set(scores).size > 1)
    })

    it('gives a row the same bits in a batch of any size, in any place and company', async (t) => {
      const model = await open(t)
      const expected = await alone(model)
      for (let count = 1; count <= rowMax; count++) {
        const at = counting(count, count * 5)
        const scores = await score(model, at)
        const alike = at.map((row) => expected[row % expected.length])
        assert.deepEqual(scores, alike, `${count} rows`)
      }
    })

    it('does not look at rows behind the count, nor write behind it', async (t) => {
      const model = await open(t)
      const expected = await score(model, [0, 1, 2])
      model.rows.fill(Number.NaN)
      write(model, [0, 1, 2])
      const out = new Float64Array(rowMax).fill(7)
      await model.score(3, out)
      assert.deepEqual([...out.subarray(0, 3)], expected)
      assert.deepEqual([...out.subarray(3)], Array(rowMax - 3).fill(7))
    })

    it('leaves its rows as they were written', async (t) => {
      const model = await open(t)
      write(model, counting(rowMax))
      const before = [...model.rows]
      await model.score(rowMax, new Float64Array(rowMax))
      assert.deepEqual([...model.rows], before)
    })

    it('takes no empty batch, none that is too large, and no room that is too small', async (t) => {
      const model = await open(t)
      await assert.rejects(model.score(0, new Float64Array(rowMax)), assert.AssertionError)
      await assert.rejects(model.score(rowMax + 1, new Float64Array(99)), assert.AssertionError)
      await assert.rejects(model.score(2, new Float64Array(1)), assert.AssertionError)
      assert.equal((await score(model, [0])).length, 1)
    })

    it('refuses a second call while one is running, which is not disturbed', async (t) => {
      const model = await open(t)
      const expected = await score(model, [0, 1])
      write(model, [0, 1])
      const out = new Float64Array(2)
      const first = model.score(2, out)
      await assert.rejects(model.score(1, new Float64Array(1)), assert.AssertionError)
      await first
      assert.deepEqual([...out], expected)
      assert.deepEqual(await score(model, [0, 1]), expected)
    })

    it('two of the same are independent', async (t) => {
      const one = await open(t)
      const other = await open(t)
      const expected = [await score(one, [0]), await score(one, [1])]
      assert.deepEqual(await Promise.all([score(one, [0]), score(other, [1])]), expected)
      await one.close()
      assert.deepEqual(await score(other, [0]), expected[0])
    })

    it('says what computes it and how it explains', async (t) => {
      const { scorer, attribution } = await open(t)
      assert.notEqual(scorer, '')
      assert.ok(['path', 'occlusion'].includes(attribution))
    })

    it('explains a row with the same bits alone and among others, and some rows differ', async (t) => {
      const model = await open(t)
      const alone: number[][] = []
      for (const row of world.rows) {
        const added = new Float64Array(model.inputs.length)
        await model.explain(Float32Array.from(row), 1, added)
        assert.ok(added.every(Number.isFinite), String(added))
        alone.push([...added])
      }
      assert.ok(new Set(alone.map(String)).size > 1)
      const rows = Float32Array.from(world.rows.flat())
      const all = new Float64Array(rows.length)
      await model.explain(rows, world.rows.length, all)
      assert.deepEqual([...all], alone.flat())
    })

    it('explains what is asked for and no more, leaves what it was given, and scores as before', async (t) => {
      const model = await open(t)
      const expected = await score(model, [0, 1])
      const columns = model.inputs.length
      const rows = Float32Array.from([...world.rows[1]!, ...world.rows[0]!])
      const added = new Float64Array(3 * columns).fill(7)
      await model.explain(rows, 1, added)
      assert.deepEqual([...added.subarray(columns)], Array(2 * columns).fill(7))
      assert.deepEqual(rows, Float32Array.from([...world.rows[1]!, ...world.rows[0]!]))
      assert.deepEqual(await score(model, [0, 1]), expected)
    })

    it('takes no explanation without rows or without room, nor of its own rows', async (t) => {
      const model = await open(t)
      const columns = model.inputs.length
      const refused = (rows: Float32Array, count: number, places: number): Promise<void> =>
        assert.rejects(model.explain(rows, count, new Float64Array(places)), assert.AssertionError)
      await refused(new Float32Array(columns), 0, columns)
      await refused(new Float32Array(columns), 2, 2 * columns)
      await refused(new Float32Array(2 * columns), 2, columns)
      await refused(model.rows, 1, columns)
    })

    it('may be closed twice, and then fails instead of scoring', async () => {
      const model = await world.open(rowMax)
      await model.close()
      await model.close()
      await assert.rejects(score(model, [0]), ModelError)
      const row = Float32Array.from(world.rows[0]!)
      await assert.rejects(model.explain(row, 1, new Float64Array(row.length)), ModelError)
    })

    it('closed under a running call, it scores or fails, and stays closed', async () => {
      const model = await world.open(rowMax)
      const expected = await score(model, [0])
      const running = score(model, [0]).catch((error: unknown) => error)
      await model.close()
      const ended = await running
      if (ended instanceof Error) assert.ok(ended instanceof ModelError, String(ended))
      else assert.deepEqual(ended, expected)
      await assert.rejects(score(model, [0]), ModelError)
    })
  })
}
