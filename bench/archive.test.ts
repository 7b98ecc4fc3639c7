// Claims about what is kept of a run, and what a full disk cannot hurt.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { mountSmallDisk } from '../engine/testing/small-disk.ts'
import { Archive, readResults } from './archive.ts'
import type { Machine, Results, VariantResult } from './results.ts'

const machine: Machine = { cpu: 'c', cores: 2, memoryGiB: 4, kernel: 'k', node: 'v20' }

function variant(name: string, value: number, commit = 'aaa'): VariantResult {
  const runs = [{ measures: { cpu_us: value }, calibrationUs: 4000, stalls: null }]
  return { name, about: '', commit, date: '2026-11-26', versions: {}, runs }
}

function results(...variants: readonly VariantResult[]): Results {
  return { machine, flags: [], variants }
}

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'weir-archive-'))
  t.after(() => {
    rmSync(made, { recursive: true })
  })
  return made
}

function valuesIn(archive: Archive): [string, number | undefined][] {
  return archive.latest()!.variants.map(({ name, runs }) => [name, runs[0]?.measures['cpu_us']])
}

test('what was measured takes the place of the same variants, in the order of the suite', (t) => {
  const archive = new Archive(folder(t))
  assert.equal(archive.latest(), null)
  archive.keep(results(variant('b', 1), variant('c', 2)), ['a', 'b', 'c'])
  archive.keep(results(variant('a', 3), variant('c', 4)), ['a', 'b', 'c'])
  assert.deepEqual(valuesIn(archive), [
    ['a', 3],
    ['b', 1],
    ['c', 4],
  ])
})

test('of another machine nothing stays beside what this one measured', (t) => {
  const archive = new Archive(folder(t))
  archive.keep(results(variant('a', 1), variant('b', 1)), ['a', 'b'])
  archive.keep({ ...results(variant('a', 2)), machine: { ...machine, cores: 8 } }, ['a', 'b'])
  assert.deepEqual(valuesIn(archive), [['a', 2]])
})

test('each commit is remembered, and the same commit once', (t) => {
  const archive = new Archive(folder(t))
  for (const [value, commit] of [
    [1, 'aaa'],
    [2, 'bbb'],
    [3, 'bbb'],
  ] as const) {
    archive.keep(results(variant('a', value, commit)), ['a'])
  }
  const past = archive.history().map(({ commit, runs }) => [commit, runs[0]?.measures['cpu_us']])
  assert.deepEqual(past, [
    ['aaa', 1],
    ['bbb', 3],
  ])
})

test('void runs are kept in the results, and not in what is compared with', (t) => {
  const archive = new Archive(folder(t))
  const one = variant('a', 1)
  const wrong = { ...one, runs: [...one.runs, { ...one.runs[0]!, void: ['late'] }] }
  archive.keep(results(wrong), ['a'])
  assert.equal(archive.latest()?.variants[0]?.runs.length, 2)
  assert.equal(archive.history()[0]?.runs.length, 1)
})

test('a file that is no results is refused, with what was expected', (t) => {
  const file = join(folder(t), 'x.json')
  for (const [text, expected] of [
    ['{', /expected results of weir bench/],
    ['[]', /expected results of weir bench/],
    ['{"machine":{},"variants":[{"values":{}}]}', /an older format/],
  ] as const) {
    writeFileSync(file, text)
    assert.throws(() => readResults(file), expected)
  }
  assert.throws(() => readResults(join(file, '..')), /expected a file/)
})

test('a disk without space is told before anything runs, and what was kept there stays whole', (t) => {
  const disk = mountSmallDisk(t, 64)
  if (disk === null) return
  const archive = new Archive(disk)
  archive.keep(results(variant('a', 1)), ['a'])
  assert.throws(() => {
    archive.prepare()
  }, /ENOSPC/)
  const large = { ...variant('a', 2), about: 'x'.repeat(200_000) }
  assert.throws(() => archive.keep(results(large), ['a']), /ENOSPC/)
  assert.deepEqual(valuesIn(archive), [['a', 1]])
  const names = execFileSync('ls', ['-A', join(disk, 'results')], { encoding: 'utf8' })
  assert.equal(names, 'history.jsonl\nlatest.json\n')
})

test('what this repository keeps can be read, and its page is the one made from it', () => {
  const kept = new Archive(join(import.meta.dirname, '../../bench'))
  const all = kept.latest()!
  assert.ok(all.variants.length > 0 && kept.history().length > 0)
  const page = readFileSync(join(kept.folder, 'RESULTS.md'), 'utf8')
  for (const { name } of all.variants) assert.ok(page.includes(name), name)
})
