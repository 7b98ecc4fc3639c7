// Claims about how variants are run: fresh processes in turn, one that fails hurts no other, nothing outlives its run.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Measured, runRounds } from './harness.ts'
import { soundRuns } from './results.ts'
import type { Variant } from './variant.ts'

/** Behind the arguments of all that these tests start. */
const mark = `harness-test-${process.pid}`

function subject(name: string, verb: string, text = ''): Variant {
  const args = [verb, text, mark]
  return { name, script: 'testing/subject', args, quick: args, needs: [], about: '' }
}

function telling(name: string, outcome: unknown): Variant {
  return subject(name, 'tell', JSON.stringify(outcome))
}

async function run(
  variants: readonly Variant[],
  rounds = 1,
  stop = new AbortController(),
  see: (text: string) => void = () => undefined,
): Promise<Measured & { readonly said: readonly string[] }> {
  const said: string[] = []
  const progress = (text: string): void => {
    said.push(text)
    see(text)
  }
  const measured = await runRounds(variants, { rounds, isQuick: true, stop: stop.signal, progress })
  return { ...measured, said }
}

test('the order is reversed every other round, and a variant may have fewer rounds', async () => {
  const outcome = { measures: { a: 1 } }
  const long = { ...telling('long', outcome), rounds: 1 }
  const { said, variants } = await run([telling('one', outcome), telling('two', outcome), long], 3)
  const order = said.map((text) => /: (\w+)/.exec(text)?.[1])
  assert.deepEqual(order, ['one', 'two', 'long', 'two', 'one', 'one', 'two'])
  assert.deepEqual(
    variants.map(({ runs }) => runs.length),
    [3, 3, 1],
  )
})

test('each run keeps its raw values beside what the machine was worth before it', async () => {
  const series = { weir: [{ offered_per_second: 100, p50_us: 7 }] }
  const configuration = { broker: 'Kafka 4' }
  const outcome = { measures: { p50_us: 1234.56789 }, series, configuration }
  const { variants } = await run([telling('one', outcome)])
  const { measures, calibrationUs, stalls, seconds, ...rest } = variants[0]!.runs[0]!
  assert.deepEqual([measures, rest], [{ p50_us: 1234.57 }, { series, configuration }])
  assert.ok(calibrationUs !== null && calibrationUs > 100)
  assert.ok(stalls !== null && stalls.maxUs >= stalls.p99Us)
  assert.ok(seconds !== undefined && seconds >= 1)
  assert.match(variants[0]!.commit, /^[0-9a-f]{7,}|^v\d/)
  assert.ok(variants[0]!.versions['onnxruntime-node'] !== undefined)
})

test('a void run is kept with its reason and counts nowhere', async () => {
  const outcome = { measures: { a: 1 }, void: ['the generator was late'] }
  const { variants, said, failed } = await run([telling('one', outcome)])
  const [only] = variants
  assert.ok(only !== undefined)
  assert.deepEqual(only.runs[0]?.void, ['the generator was late'])
  assert.deepEqual([soundRuns(only), failed], [[], []])
  assert.ok(said.includes('void, one: the generator was late'))
})

test('one variant that fails is told with its reason, is not started again, and the rest runs', async () => {
  const bad = subject('bad', 'fail', 'no broker there')
  const good = telling('good', { measures: { a: 1 } })
  const { variants, failed, said } = await run([bad, good], 2)
  assert.deepEqual(
    variants.map(({ name, runs }) => [name, runs.length]),
    [['good', 2]],
  )
  assert.deepEqual(failed, [{ name: 'bad', why: 'ended with 1: Error: no broker there' }])
  assert.equal(said.filter((text) => text.startsWith('round') && text.includes('bad')).length, 1)
})

test('a variant that tells nothing, or no number, has failed', async () => {
  const silent = subject('silent', 'tell', 'done')
  const nothing = telling('nothing', { measures: { share: null } })
  const { failed } = await run([silent, nothing])
  assert.deepEqual(failed, [
    { name: 'silent', why: 'expected its outcome as the last line of its output, found "done"' },
    { name: 'nothing', why: 'share: expected a number, found null' },
  ])
})

test('what a variant has started ends with it', async () => {
  const outcome = JSON.stringify({ measures: { a: 1 } })
  const { variants } = await run([subject('leaving', 'leave', outcome)])
  assert.equal(variants.length, 1)
  assert.deepEqual(left(), [])
})

test('stopping ends what runs, and nothing of it counts', async () => {
  const stop = new AbortController()
  const hanging = subject('hanging', 'hang')
  const waiting = run([hanging, telling('next', { measures: {} })], 1, stop, () => {
    void started('subject.js').then(() => {
      stop.abort()
    })
  })
  const { variants, failed } = await waiting
  assert.deepEqual([variants, failed, left()], [[], [], []])
})

test('stopped, what has run often enough for a claim is told, and nothing else', async () => {
  const stop = new AbortController()
  const variants = ['one', 'two', 'three'].map((name) => telling(name, { measures: { a: 1 } }))
  const once = { ...telling('once', { measures: { a: 1 } }), rounds: 1 }
  const measured = await run([...variants, once], 5, stop, (text) => {
    if (text.startsWith('round 3/5: two')) stop.abort()
  })
  assert.deepEqual(
    measured.variants.map(({ name, runs }) => [name, runs.length]),
    [
      ['one', 3],
      ['two', 3],
      ['once', 1],
    ],
  )
})

/** What these tests have started and still runs. */
function left(): string[] {
  return commandLines().filter((line) => line.includes(mark))
}

async function started(text: string): Promise<void> {
  while (!left().some((line) => line.includes(text))) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
}
