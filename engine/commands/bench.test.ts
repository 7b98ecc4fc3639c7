// Claims about weir bench as users run it: what it measures, what it leaves out, how it is asked wrongly, how it is stopped.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EngineProcess } from '../testing/engine-process.ts'
import { mountSmallDisk } from '../testing/small-disk.ts'
import { benchLine } from './bench.ts'
import { Flags, type FlagValues } from './flags.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-test-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const limit = { timeout: 120_000 }
/** A PATH on which nothing is found. */
const bare = { PATH: folder }

function ask(values: FlagValues) {
  const flags = new Flags(values, folder)
  return { options: benchLine.parse(flags, null), faults: flags.faults.join('\n') }
}

test('by default everything runs five times and is kept beside the sources', () => {
  assert.deepEqual(ask({}), {
    options: {
      names: [],
      isList: false,
      rounds: 5,
      isQuick: false,
      out: null,
      compare: null,
      isJson: false,
      budget: null,
    },
    faults: '',
  })
})

test('several names, a folder and a base are read; a base may be a file or a commit', () => {
  const file = join(folder, 'base.json')
  writeFileSync(file, '{}')
  const { options } = ask({
    '[name...]': 'store,pipeline',
    '--out': 'new',
    '--compare': 'base.json',
  })
  assert.deepEqual(options.names, ['store', 'pipeline'])
  assert.deepEqual([options.out, options.compare], [join(folder, 'new'), file])
  assert.equal(ask({ '--compare': '19e04c8' }).options.compare, '19e04c8')
})

test('what does not go together is told together', () => {
  const { faults } = ask({
    '--quick': true,
    '--rounds': '3',
    '--compare': 'x',
    '--out': 'base.json',
  })
  assert.match(faults, /--rounds: expected no --quick beside it/)
  assert.match(faults, /--compare: expected several rounds/)
  assert.match(faults, /--out: expected a folder, found .*base\.json/)
  assert.match(ask({ '--rounds': 'x' }).faults, /--rounds: expected a whole number from 0 to 1000/)
})

test('the budget is checked or written anew, alone', () => {
  assert.equal(ask({ '--check': true }).options.budget, 'check')
  assert.equal(ask({ '--check': true, '--update': true }).options.budget, 'update')
  assert.match(ask({ '--update': true }).faults, /--update: expected --check beside it/)
  const { faults } = ask({ '--check': true, '[name...]': 'pipeline', '--quick': true })
  assert.match(faults, /\[name\.\.\.\]: expected no --check beside it/)
  assert.match(faults, /--quick: expected no --check beside it/)
})

test('an unknown name ends with 2, all benchmarks and what was probably meant', limit, async () => {
  const { code, stdout, stderr } = await new EngineProcess(['bench', 'pipline'], null).ended
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /^weir bench: asked wrongly\n.*expected one of .*did you mean pipeline\?\)/)
})

test(
  'without Redis and Java what needs them is named with what to install, and the rest is measured',
  limit,
  async () => {
    const names = ['pipeline', 'store/batches-of-16', 'stream/backlog']
    const engine = new EngineProcess(['bench', '--quick', '--json', ...names], null, bare)
    const { code, stdout, stderr } = await engine.ended
    assert.equal(code, 0, stderr)
    const told = JSON.parse(stdout) as {
      readonly variants: readonly {
        readonly name: string
        readonly runs: readonly { readonly measures: Record<string, number> }[]
      }[]
      readonly skipped: readonly { readonly name: string }[]
    }
    assert.deepEqual(
      told.variants.map(({ name }) => name),
      ['pipeline'],
    )
    const { measures } = told.variants[0]!.runs[0]!
    assert.ok(measures['engine_cpu_us_per_decision']! > 1)
    assert.ok(told.skipped.some(({ name }) => name === 'store/batches-of-16'))
    assert.match(
      stderr,
      /skipped, store\/batches-of-16: redis-server not found in PATH: apt-get install/,
    )
    assert.match(stderr, /skipped, stream\/backlog: .*java and mvn not found/)
  },
)

test('where nothing at all can run it ends with 1', limit, async () => {
  const engine = new EngineProcess(['bench', '--quick', 'store'], null, bare)
  const { code, stdout, stderr } = await engine.ended
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /redis-server not found/)
})

test(
  'a base that is neither a file nor a known commit ends with 2 and names what there is',
  limit,
  async () => {
    const out = ['--out', join(folder, 'none')]
    const engine = new EngineProcess(['bench', 'pipeline', '--compare', 'fffffff', ...out], null)
    const { code, stderr } = await engine.ended
    assert.equal(code, 2)
    assert.match(
      stderr,
      /--compare: expected a results file, or a commit .*none yet.*found fffffff/,
    )
  },
)

test('stopped, it ends with 1, keeps nothing and leaves no process behind', limit, async () => {
  const out = join(folder, 'stopped')
  const mark = `bench-stop-${process.pid}`
  const engine = new EngineProcess(['bench', 'pipeline', '--out', out], null, { BENCH_MARK: mark })
  await engine.said('round 1/5')
  const { code, stderr } = await engine.kill('SIGTERM')
  assert.equal(code, 1)
  assert.match(stderr, /stopped: nothing is kept/)
  assert.ok(!existsSync(join(out, 'RESULTS.md')))
  assert.deepEqual(marked(mark), [])
})

test(
  'a variant without space for its files is told with what to set, and the rest is measured',
  limit,
  async (t) => {
    const disk = mountSmallDisk(t, 256)
    if (disk === null) return
    const names = ['replay', 'pipeline']
    const engine = new EngineProcess(['bench', '--quick', ...names], null, { TMPDIR: disk })
    const { code, stdout, stderr } = await engine.ended
    assert.equal(code, 1)
    assert.match(stderr, /failed, replay: .*ENOSPC.*\(working files go to .*: set TMPDIR/)
    assert.match(stdout, /^## pipeline\n[^]*engine cpu us per decision/)
  },
)

/** Processes with the mark in their environment. */
function marked(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`BENCH_MARK=${mark}`)
    } catch {
      return false
    }
  })
}
