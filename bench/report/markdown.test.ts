// Claims about RESULTS.md, its goals and its pictures.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Past, Results, Run, VariantResult } from '../results.ts'
import { suite } from '../suite.ts'
import { type Goal, goals, judge } from './goals.ts'
import { formatPage, formatVariants } from './markdown.ts'
import { drawPlots } from './plots.ts'
import { runsMin } from './statistics.ts'

const stalls = { p50Us: 0, p99Us: 3000, p999Us: 5000, maxUs: 9000 }

function run(measures: Run['measures'], rest: Partial<Run> = {}): Run {
  return { measures, calibrationUs: 4000, stalls, ...rest }
}

function variant(name: string, runs: readonly Run[]): VariantResult {
  const facts = { commit: 'abc1234', date: '2026-11-26', versions: { ioredis: '6.0.0' } }
  return { name, about: 'What it measures. Leaves out the rest.', ...facts, runs }
}

function thrice(name: string, measures: Run['measures'], rest: Partial<Run> = {}): VariantResult {
  return variant(name, [run(measures, rest), run(measures, rest), run(measures, rest)])
}

const machine = { cpu: 'EPYC', cores: 2, memoryGiB: 24, kernel: '6.1', node: 'v20.20.2' }
const noPlots = { list: [], missing: null }

function page(...variants: readonly VariantResult[]): string {
  const results: Results = { machine, flags: ['--x'], variants }
  return formatPage(results, noPlots)
}

test('a median that the rule refuses is not printed, its reason and its range are', () => {
  const text = formatVariants([
    variant('load', [
      run({ p99_us: 4001, cpu_us: 10, bytes: 100 }),
      run({ p99_us: 4002, cpu_us: 20, bytes: 100 }),
      run({ p99_us: 4003, cpu_us: 30, bytes: 100 }),
    ]),
  ])
  assert.match(text, /\| p99 us \| stalls of 3000 µs \| 4,001 … 4,003 \|/)
  assert.match(text, /\| cpu us \| too noisy \| 10\.0 … 30\.0 \|/)
  assert.match(text, /\| bytes \| 100 \| 100 \|/)
})

test('void runs are told with their reason', () => {
  const bad = run({ cpu_us: 1 }, { void: ['2 of 500 decisions differ from the naive oracle'] })
  const some = formatVariants([variant('load', [bad, run({ cpu_us: 5 })])])
  assert.match(some, /1 of 2 runs void.*2 of 500 decisions differ/)
  const all = formatVariants([variant('load', [bad])])
  assert.match(all, /0 runs/)
  assert.ok(!all.includes('| cpu us |'))
})

test('a stranger finds machine, versions, goals, the rule, each benchmark and the invitation', () => {
  const text = page(
    thrice('pipeline', { decisions_per_second: 50_000 }),
    thrice('peers/streams', { cpu_us: 60 }, { configuration: { 'num.stream.threads': '1' } }),
    thrice('peers/flink', { cpu_us: 30 }),
  )
  for (const part of [
    /^# Results/,
    /Machine: EPYC, 2 cores.*Node v20\.20\.2 with --x\. With ioredis 6\.0\.0\./,
    /\[peers\]\(#peers\)/,
    /\| the same with the default catalog .* \| 50,000 \| met \|/,
    /within 5 %/,
    /## peers\n\n### peers\/streams\n/,
    /- num\.stream\.threads: 1/,
    /Leaves out the rest\./,
    /## Correct us/,
  ]) {
    assert.match(text, part)
  }
  assert.equal(text.match(/^## peers$/gm)?.length, 1)
})

test('what was measured with other versions than the newest says so', () => {
  const old = { ...thrice('replay', { cpu_us: 1 }), date: '2026-01-01', versions: { ioredis: '5' } }
  const text = page(thrice('pipeline', { cpu_us: 1 }), old)
  assert.match(text, /With ioredis 6\.0\.0\./)
  assert.match(text, /Commit abc1234, 2026-01-01, 3 runs; with ioredis 5\./)
  assert.match(text, /One instant in a hundred had to wait 3,000 µs/)
  assert.match(text, /Commit abc1234, 2026-11-26, 3 runs\./)
})

test('a goal that is missed says where the time goes', () => {
  const slow = thrice('sidecar/400', { p50_ratio_tcp: 3 })
  assert.match(page(slow), /Missed, and where the time goes:\n\n- sidecar’s p50/)
  assert.ok(!page(thrice('sidecar/400', { p50_ratio_tcp: 2 })).includes('Missed, and'))
})

test('curves are tables, a point a row', () => {
  const series = {
    weir: [
      { offered_per_second: 100, p50_us: 7 },
      { offered_per_second: 200, p50_us: 9 },
    ],
  }
  const text = formatVariants([thrice('load', {}, { series })])
  assert.match(
    text,
    /\| offered per second \| p50 us \|\n\|---:\|---:\|\n\| 100 \| 7\.00 \|\n\| 200 \| 9\.00 \|/,
  )
})

test('points of one place are one figure, from whichever runs, in order of their place', () => {
  const point = (offered_per_second: number, p50_us: number) => ({ offered_per_second, p50_us })
  const searched = [[point(800, 9), point(200, 5), point(800, 11)], [point(400, 6)]].map((weir) =>
    run({}, { series: { weir } }),
  )
  const text = formatVariants([variant('load', searched)])
  assert.match(text, /\| 200 \| 5\.00 \|\n\| 400 \| 6\.00 \|\n\| 800 \| 9\.00 … 11\.0 \|/)
})

const goal: Goal = { goal: 'at most twice', of: [['a', 'us']], per: [['b', 'us']], atMost: 2 }

function verdict(above: readonly number[], below: readonly number[]): string {
  const of = (name: string, values: readonly number[]): VariantResult =>
    variant(
      name,
      values.map((us) => run({ us })),
    )
  return judge(goal, [of('a', above), of('b', below)]).verdict
}

test('a goal is met or missed by the medians where they may be claimed', () => {
  assert.equal(verdict([150, 150, 150], [100, 100, 100]), 'met')
  assert.equal(verdict([250, 250, 250], [100, 100, 100]), 'missed')
})

test('a goal is met or missed on a noisy machine too where every run agrees on it', () => {
  assert.equal(verdict([100, 150, 50], [100, 100, 100]), 'met')
  assert.equal(verdict([300, 900, 500], [100, 100, 100]), 'missed')
})

test('a goal that noisy runs disagree on is not decided', () => {
  assert.equal(verdict([150, 250, 190], [100, 100, 100]), 'too noisy to say')
})

test('too few runs decide no goal, however plain they are', () => {
  assert.equal(verdict([150], [100]), 'too few runs')
})

test('a goal of what was not measured says so', () => {
  assert.equal(judge(goal, [thrice('a', { us: 1 })]).verdict, 'not measured')
})

test('every goal is of variants that the suite has, and that run often enough for a claim', () => {
  for (const { goal, of, per = [] } of goals) {
    for (const [name] of [...of, ...per]) {
      const found = suite.find((one) => one.name === name)
      assert.ok(found !== undefined, `${goal}: ${name}`)
      assert.ok((found.rounds ?? runsMin) >= runsMin, `${goal}: ${name} runs ${found.rounds} times`)
    }
  }
})

const curve = { weir: [{ offered_per_second: 100, p50_us: 7, p99_us: 70 }] }

test('latency by load, the ledger and history are drawn, on paper of their own', async () => {
  const variants = [
    thrice('load/stream', {}, { series: curve }),
    thrice('ledger/of-16', { stage_fold_cpu_us: 7.25, stage_parse_cpu_us: 3 }),
  ]
  const past: Past[] = ['aaa', 'bbb'].flatMap((commit) =>
    ['pipeline', 'peers/flink', 'stream/open-loop-500'].map((name) => ({
      ...thrice(name, { engine_cpu_us_per_decision: 40 }),
      commit,
    })),
  )
  const { list, files, missing } = await drawPlots({ machine, flags: [], variants }, past)
  assert.equal(missing, null)
  assert.deepEqual(
    list.map(({ path, benchmark }) => [path, benchmark]),
    [
      ['plots/latency-load.svg', 'load'],
      ['plots/ledger-ledger.svg', 'ledger'],
      ['plots/history.svg', null],
    ],
  )
  const has = (path: string, ...texts: readonly string[]): boolean =>
    texts.every((text) => files.get(path)!.includes(text))
  for (const { path } of list) assert.ok(has(path, '<svg ', 'fill="#fcfcfa"'), path)
  assert.ok(has('plots/latency-load.svg', '>offered transactions a second<', '>weir<'))
  assert.ok(has('plots/ledger-ledger.svg', '>fold<', '>parse<', '>10.3<'))
  assert.ok(has('plots/history.svg', '>aaa<', '>bbb<', '>pipeline<'))
  assert.ok(!has('plots/history.svg', '>peers/flink<'), 'not ours')
  assert.ok(!has('plots/history.svg', '>stream/open-loop-500<'), 'idle for the most part')
})

test('a ledger of many stages shows the ten largest, the rest as other, and other processes behind', async () => {
  const stages = Array.from({ length: 14 }, (_, at) => [`stage_s${at}_cpu_us`, at + 1] as const)
  const measures = { ...Object.fromEntries(stages), redis_cpu_us_per_decision: 20 }
  const variants = [thrice('ledger/kafka', measures)]
  const { files } = await drawPlots({ machine, flags: [], variants }, [])
  const svg = files.get('plots/ledger-ledger.svg')!
  const shown = [...svg.matchAll(/>(s\d+|other|Redis|broker)</g)].map(([, name]) => name)
  const large = Array.from({ length: 10 }, (_, at) => `s${at + 4}`)
  assert.deepEqual(shown, [...large, 'other', 'Redis'])
  assert.ok(svg.includes('>125.0<'), 'the sum of all')
})

test('without Vega there are no plots, and the page says so', async () => {
  const results: Results = { machine, flags: [], variants: [thrice('load', {}, { series: curve })] }
  const plots = await drawPlots(results, [], ['vega', 'not-a-package-of-weir'])
  assert.deepEqual([plots.list, plots.files.size], [[], 0])
  assert.match(formatPage(results, plots), /no plots: the packages vega and vega-lite/)
})
