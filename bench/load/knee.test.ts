// Claims about the search, on systems whose knee is known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findKnee, type Search } from './knee.ts'

const search: Search = { from: 1000, to: 200_000, halvings: 5, tries: 2 }

function system(holds: (load: number, at: number) => boolean) {
  const tried: number[] = []
  return {
    tried,
    holds: (load: number): Promise<boolean> => {
      tried.push(load)
      return Promise.resolve(holds(load, tried.length))
    },
  }
}

test('the knee is found to a few percent, wherever it lies', async () => {
  for (const knee of [1001, 1500, 7300, 16_000, 91_234]) {
    const { holds } = system((load) => load <= knee)
    const found = await findKnee(search, holds)
    assert.ok(found.held <= knee && knee < found.failed, `${knee}: ${JSON.stringify(found)}`)
    assert.ok(found.failed / found.held < 1.03, `${knee}: ${JSON.stringify(found)}`)
  }
})

test('no search takes more tries than its bounds say, whatever the system does', async () => {
  const doublings = Math.ceil(Math.log2(search.to / search.from)) + 1
  const triesMax = (doublings + search.halvings) * search.tries
  for (const seed of [1, 2, 3, 4, 5]) {
    const { tried, holds } = system((load, at) => (Math.round(load) * seed + at) % 3 === 0)
    await findKnee(search, holds)
    assert.ok(tried.length <= triesMax, `${tried.length} of ${triesMax}`)
  }
  const { tried, holds } = system((load) => load <= 7300)
  await findKnee(search, holds)
  // Up to 4,000 once, 8,000 twice, then five more loads.
  assert.equal(new Set(tried).size, 4 + search.halvings)
  assert.ok(tried.length <= 5 + search.halvings * search.tries, tried.join(' '))
})

test('a load that fails once and holds then has held', async () => {
  const failedOnce = new Set<number>()
  const { holds } = system((load) => {
    if (load > 7300) return false
    if (failedOnce.has(load)) return true
    failedOnce.add(load)
    return false
  })
  const { held } = await findKnee(search, holds)
  assert.ok(held > 7000, String(held))
})

test('below the first load it is looked for as well, and beyond the last it is told as unknown', async () => {
  const low = await findKnee(search, system((load) => load <= 400).holds)
  assert.ok(low.held <= 400 && low.held > 300, JSON.stringify(low))
  const none = await findKnee(search, system(() => false).holds)
  assert.equal(none.held, 0)
  const all = await findKnee(search, system(() => true).holds)
  assert.equal(all.failed, Number.POSITIVE_INFINITY)
  assert.equal(all.held, 128_000)
})
