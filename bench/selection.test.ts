// Claims about which variants are meant, and which of them can run here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lacksOf, sortOut } from './needs.ts'
import { select } from './selection.ts'
import { suite } from './suite.ts'
import type { Need, Variant } from './variant.ts'

function variant(name: string, ...needs: readonly Need[]): Variant {
  return { name, script: 'testing/subject', args: [], needs, about: '' }
}

const small = [variant('pipeline'), variant('store/batches-of-16'), variant('store/windows-held')]

function chosen(...words: readonly string[]): string[] {
  return select(small, words).chosen.map(({ name }) => name)
}

test('a word is a benchmark, a variant, or the beginning of either', () => {
  assert.deepEqual(chosen(), ['pipeline', 'store/batches-of-16', 'store/windows-held'])
  assert.deepEqual(chosen('store'), ['store/batches-of-16', 'store/windows-held'])
  assert.deepEqual(chosen('store/windows-held'), ['store/windows-held'])
  assert.deepEqual(chosen('store/b', 'pipe', 'store'), chosen())
})

test('a whole name does not mean another that begins with it', () => {
  const list = [variant('stream/backlog'), variant('stream/backlog-small'), variant('streams/x')]
  const names = (word: string) => select(list, [word]).chosen.map(({ name }) => name)
  assert.deepEqual(names('stream/backlog'), ['stream/backlog'])
  assert.deepEqual(names('stream'), ['stream/backlog', 'stream/backlog-small'])
})

test('a word that names nothing is a fault each, with all benchmarks and what was probably meant', () => {
  const { faults } = select(small, ['pipline', 'nonsense', 'store'])
  assert.equal(faults.length, 2)
  assert.match(
    faults[0]!,
    /expected one of pipeline, store, .*found pipline \(did you mean pipeline\?\)/,
  )
  assert.match(faults[1]!, /found nonsense$/)
})

test('without a program that it needs a variant is skipped, with what to install, and the rest runs', () => {
  const list = [
    variant('a'),
    variant('b', 'redis'),
    variant('c', 'redis', 'kafka'),
    variant('d', 'java'),
  ]
  const lacks = lacksOf((program) => (program === 'java' ? 'openjdk 17' : null), 2)
  const { able, skipped } = sortOut(list, lacks)
  assert.deepEqual(
    able.map(({ name }) => name),
    ['a'],
  )
  assert.deepEqual(
    skipped.map(({ name }) => name),
    ['b', 'c', 'd'],
  )
  assert.match(skipped[0]!.why, /^redis-server not found in PATH: apt-get install .* redis-server$/)
  assert.match(skipped[1]!.why, /redis-server not found.*; mvn not found/)
  assert.match(skipped[2]!.why, /^javac and mvn not found.* maven$/)
})

test('a package of development that is not installed is a lack too', () => {
  const one = { ...variant('a'), packages: ['kafkajs', 'not-a-package-of-weir'] }
  const { skipped } = sortOut(
    [one],
    lacksOf(() => ''),
  )
  assert.equal(
    skipped[0]?.why,
    'not-a-package-of-weir not installed: npm install not-a-package-of-weir',
  )
})

test('on one core, what would measure its own generator is skipped, and says so', () => {
  const list = [variant('a'), variant('b', 'two cores')]
  assert.match(
    sortOut(
      list,
      lacksOf(() => '', 1),
    ).skipped[0]!.why,
    /two cores are needed/,
  )
  assert.deepEqual(
    sortOut(
      list,
      lacksOf(() => '', 2),
    ).skipped,
    [],
  )
})

test('names of the suite are unique, and each says what it measures', () => {
  const names = suite.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const { name, about } of suite) {
    assert.match(name, /^[a-z0-9-]+(\/[a-z0-9-]+)?$/)
    assert.match(about, /\.$/, name)
  }
})
