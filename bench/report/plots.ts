// The pictures of RESULTS.md: latency by offered load, the ledger as stacked bars, CPU over commits. Drawn by Vega, which an
// installed package need not have: without it there are none, and that is said. It draws only what was measured.
import type { Config, TopLevelSpec } from 'vega-lite'
import type { Past, Results, Run, VariantResult } from '../results.ts'
import { measuresOf } from '../results.ts'
import { curvesOf } from './curves.ts'
import type { PagePlot } from './markdown.ts'
import { figureOf, median } from './statistics.ts'
import { words } from './words.ts'

export interface Plots {
  readonly list: readonly PagePlot[]
  /** SVG by path. */
  readonly files: ReadonlyMap<string, string>
  /** Why there are none; null where there may be some. */
  readonly missing: string | null
}

interface Drawing {
  readonly plot: PagePlot
  readonly spec: TopLevelSpec
}

export async function drawPlots(
  { variants }: Results,
  history: readonly Past[],
  packages: readonly string[] = ['vega', 'vega-lite'],
): Promise<Plots> {
  const libraries = await Promise.all(packages.map((name) => import(name))).catch(() => null)
  if (libraries === null) {
    const missing =
      'There are no plots: the packages vega and vega-lite are not installed (`npm install vega vega-lite`).'
    return { list: [], files: new Map(), missing }
  }
  const [vega, lite] = libraries as [typeof import('vega'), typeof import('vega-lite')]
  const drawings = [...loads(variants), ...ledgers(variants), ...histories(history)]
  const files = new Map<string, string>()
  for (const { plot, spec } of drawings) {
    const view = new vega.View(vega.parse(lite.compile(spec).spec), { renderer: 'none' })
    files.set(plot.path, `${await view.toSVG()}\n`)
    view.finalize()
  }
  return { list: drawings.map(({ plot }) => plot), files, missing: null }
}

/** Colour-blind eyes tell the first eight apart. */
const palette = [
  ...['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a5195', '#88a000'],
  ...['#a0522d', '#00687a', '#b8a400', '#e07b91'],
]

/** On paper of its own, so that it is legible on light and dark pages alike. */
const look: {
  readonly background: string
  readonly padding: number
  readonly config: Config
} = {
  background: '#fcfcfa',
  padding: 16,
  config: {
    font: 'system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif',
    view: { stroke: null },
    axis: {
      labelColor: '#333',
      titleColor: '#333',
      titleFontWeight: 'normal',
      labelFontSize: 12,
      titleFontSize: 12,
      gridColor: '#e4e4e0',
      domainColor: '#999',
      tickColor: '#999',
      titlePadding: 10,
    },
    legend: {
      labelColor: '#333',
      titleColor: '#333',
      labelFontSize: 12,
      titleFontSize: 12,
      titleFontWeight: 'normal',
      labelLimit: 0,
      orient: 'bottom',
      columns: 2,
      offset: 16,
      columnPadding: 24,
    },
    range: { category: palette },
  },
}

/** One picture a benchmark: p50 and p99 of each curve that has an offered rate. */
function loads(variants: readonly VariantResult[]): Drawing[] {
  const points = variants.flatMap(pointsOf)
  return [...new Set(points.map(({ benchmark }) => benchmark))].map((benchmark) => {
    const own = points.filter((point) => point.benchmark === benchmark)
    const isOne = new Set(own.map(({ variant }) => variant)).size === 1
    const values = own.map(({ variant, curve, ...rest }) => ({
      ...rest,
      curve: isOne || variant === undefined ? curve : `${variant}: ${curve}`,
    }))
    return {
      plot: {
        path: `plots/latency-${benchmark}.svg`,
        title: `${benchmark}: latency by offered load, p50 solid, p99 dashed; medians where there are several runs`,
        benchmark,
      },
      spec: {
        ...look,
        data: { values },
        width: 560,
        height: 320,
        mark: { type: 'line', point: { size: 40 }, strokeWidth: 2 },
        encoding: {
          x: {
            field: 'offered',
            type: 'quantitative',
            title: 'offered transactions a second',
            scale: { zero: false, nice: true },
            axis: { format: ',d', tickCount: 6 },
          },
          y: {
            field: 'ms',
            type: 'quantitative',
            title: 'ms (logarithmic), p50 solid, p99 dashed',
            scale: { type: 'log', nice: true },
            axis: { format: '~g' },
          },
          color: { field: 'curve', type: 'nominal', title: null, sort: null },
          strokeDash: {
            field: 'quantile',
            type: 'nominal',
            title: null,
            scale: { domain: ['p50', 'p99'], range: [solid, dashed] },
            legend: null,
          },
        },
      },
    }
  })
}

const solid = [1, 0]
const dashed = [5, 4]

interface LoadPoint {
  readonly benchmark: string
  readonly variant: string | undefined
  readonly curve: string
  readonly offered: number
  readonly quantile: string
  readonly ms: number
}

function pointsOf(result: VariantResult): LoadPoint[] {
  const [benchmark, variant] = result.name.split('/') as [string, string?]
  return curvesOf(result).flatMap(({ name, rows }) => {
    const curve = words(name.replace(/_by_load$/, ''))
    // A run that found another rate to hold has its points elsewhere: a curve goes through what most runs have measured.
    const runs = rows.map((row) => row.get('offered_per_second')?.values.length ?? 0)
    const most = Math.max(...runs)
    return rows.flatMap((row, at) => {
      const offered = row.get('offered_per_second')?.median
      if (offered === undefined || runs[at]! < most) return []
      return ['p50', 'p99'].flatMap((quantile) => {
        const us = row.get(`${quantile}_us`)?.median
        return us === undefined
          ? []
          : [{ benchmark, variant, curve, offered, quantile, ms: us / 1000 }]
      })
    })
  })
}

/** More colours than these nobody tells apart. */
const stagesShown = 10
const otherStages = { name: 'other', color: '#c4c4be' }
/** What stands behind the stages of the engine in a bar: other processes, by the measure of their CPU. */
const beyond = [
  { measure: 'redis_cpu_us_per_decision', name: 'Redis', color: '#7f1d1d' },
  { measure: 'broker_cpu_us_per_decision', name: 'broker', color: '#333333' },
] as const

interface Part {
  /** The variant's. */
  readonly name: string
  readonly stage: string
  readonly us: number
}

/** One picture a benchmark: a bar a variant, of its measures `stage_<name>_cpu_us`; small ones are one. */
function ledgers(variants: readonly VariantResult[]): Drawing[] {
  const bars = variants.map((variant) => ({ variant, parts: partsOf(variant) }))
  const full = bars.filter(({ parts }) => parts.length > 0)
  const benchmarks = [...new Set(full.map(({ variant }) => variant.name.split('/')[0]!))]
  return benchmarks.map((benchmark) => {
    const own = full.filter(({ variant }) => variant.name.split('/')[0] === benchmark)
    // In the order of the bar that has most of them.
    const order = own.toSorted((one, two) => two.parts.length - one.parts.length)
    const all = order.flatMap(({ parts }) => parts)
    const stages = [...new Set(all.map(({ stage }) => stage))]
    const most = (stage: string): number =>
      Math.max(...all.filter((part) => part.stage === stage).map(({ us }) => us))
    const large = stages
      .filter((stage) => stage !== otherStages.name)
      .toSorted((one, two) => most(two) - most(one))
      .slice(0, stagesShown)
    const shown = stages.filter((stage) => large.includes(stage))
    const values = own.flatMap(({ variant, parts }) => [
      ...parts.map((part) => {
        return { ...part, stage: large.includes(part.stage) ? part.stage : otherStages.name }
      }),
      ...beyondOf(variant),
    ])
    return {
      plot: {
        path: `plots/ledger-${benchmark}.svg`,
        title: `${benchmark}: CPU-µs a decision by stage, medians of the runs`,
        benchmark,
      },
      spec: ledgerSpec(values, [
        ...shown.map((name, at) => ({ name, color: palette[at]! })),
        ...[otherStages, ...beyond].filter(({ name }) =>
          values.some(({ stage }) => stage === name),
        ),
      ]),
    }
  })
}

function partsOf(variant: VariantResult): Part[] {
  return measuresOf(variant).flatMap((measure) => {
    const stage = /^stage_(\w+)_cpu_us$/.exec(measure)?.[1]
    if (stage === undefined) return []
    return [{ name: variant.name, stage: words(stage), us: figureOf(variant, measure)!.median }]
  })
}

function beyondOf(variant: VariantResult): Part[] {
  return beyond.flatMap(({ measure, name: stage }) => {
    const us = figureOf(variant, measure)?.median
    return us === undefined ? [] : [{ name: variant.name, stage, us }]
  })
}

function ledgerSpec(
  parts: readonly Part[],
  stages: readonly { readonly name: string; readonly color: string }[],
): TopLevelSpec {
  const domain = stages.map(({ name }) => name)
  const values = parts.map((part) => ({ ...part, place: domain.indexOf(part.stage) }))
  return {
    ...look,
    data: { values },
    width: 560,
    height: { step: 44 },
    encoding: {
      y: { field: 'name', type: 'nominal', title: null, sort: null, axis: { labelLimit: 260 } },
    },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          x: {
            field: 'us',
            aggregate: 'sum',
            type: 'quantitative',
            title: 'CPU-µs a decision',
            stack: 'zero',
          },
          color: {
            field: 'stage',
            type: 'nominal',
            title: null,
            scale: { domain, range: stages.map(({ color }) => color) },
            legend: { columns: 7 },
          },
          order: { field: 'place', type: 'quantitative' },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6, color: '#333' },
        encoding: {
          x: { aggregate: 'sum', field: 'us', type: 'quantitative' },
          text: { aggregate: 'sum', field: 'us', type: 'quantitative', format: '.1f' },
        },
      },
    ],
  }
}

/** What is followed over commits: the CPU of our engine where it has enough to do, a colour each. */
const followed = /^engine_cpu_us_per_(decision|outcome)$/
const following = /^(ledger|pipeline$|store.batches|stream.backlog$|peers.weir)/

/** CPU over commits, divided by the calibration where there was one, so that a slower machine does not look like a slower engine. */
function histories(history: readonly Past[]): Drawing[] {
  const commits = [...new Set(history.map(({ commit }) => commit))]
  const reference = median(
    history.flatMap(({ runs }) => runs.flatMap((run) => run.calibrationUs ?? [])),
  )
  const ours = history.filter(({ name }) => following.test(name))
  const values = ours.flatMap(({ name, commit, runs }) =>
    [...new Set(runs.flatMap(({ measures }) => Object.keys(measures)))]
      .filter((measure) => followed.test(measure))
      .map((measure) => {
        const us = median(runs.flatMap((run) => calibrated(run, measure, reference)))
        return { commit, us, curve: name }
      }),
  )
  const often = values.filter(
    ({ curve }) => values.filter((value) => value.curve === curve).length > 1,
  )
  if (often.length === 0) return []
  return [
    {
      plot: {
        path: 'plots/history.svg',
        title:
          'CPU-µs of engine a decision over commits, medians; measured in another hour is made comparable by the calibration kernel, where a result has it',
        benchmark: null,
      },
      spec: {
        ...look,
        data: { values: often },
        width: 560,
        height: 300,
        mark: { type: 'line', point: { size: 40 }, strokeWidth: 2 },
        encoding: {
          x: {
            field: 'commit',
            type: 'nominal',
            title: null,
            sort: commits,
            axis: { labelAngle: -40 },
          },
          y: {
            field: 'us',
            type: 'quantitative',
            title: 'CPU-µs (logarithmic)',
            scale: { type: 'log', nice: false },
            axis: { format: '~g' },
          },
          color: { field: 'curve', type: 'nominal', title: null, sort: null },
        },
      },
    },
  ]
}

function calibrated(run: Run, measure: string, reference: number): number[] {
  const value = run.measures[measure]
  if (value === undefined) return []
  return [run.calibrationUs === null ? value : (value * reference) / run.calibrationUs]
}
