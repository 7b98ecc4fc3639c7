// Counts what the engine does and gives it as Prometheus text. The only importer of prom-client. Its registry is its own;
// nothing is global. Counts are plain numbers that are read when somebody asks: a batch costs nine observations and
// no more calls of the library than that, whatever its outcomes.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { StoreStats } from '../../features/store/store.ts'
import { type Latency } from '../core/latency.ts'
import { outcomes as outcomeNames } from '../core/policy.ts'
import type { Meter, Outcome } from '../core/ports.ts'
import { rungs } from '../core/rung.ts'
import type { SeatStats } from '../core/scoring.ts'
import { codeOf, type ErrorCode, errorKinds } from '../errors.ts'
import {
  decisionMetrics,
  type MetricDeclaration,
  modelMetrics,
  rejectLabels,
  sidecarMetrics,
  stages,
  storeMetrics,
  streamMetrics,
} from './metric-table.ts'

/** What the stream has in hand. */
export interface Backlog {
  /** Messages fetched and not yet decided. */
  readonly waiting: number
  /** Decided and not yet acknowledged outcomes, by partition. */
  readonly outboxes: ReadonlyMap<number, number>
  /** Partitions that others waited for in vain, each as often as it was. */
  readonly givenUp: number
}

export interface WatchedStream {
  backlog(): Backlog
  /** Messages without an acknowledged outcome, by partition. Resolves within a second or two, whatever the brokers do. */
  lag(): Promise<ReadonlyMap<number, number>>
}

export interface WatchedModels {
  seats(): readonly SeatStats[]
  /** Changes of the models since the start. */
  readonly stats: { readonly swaps: number; readonly refusals: number }
}

/** Labels of one sample and its number. */
type Sample = readonly [labels: Record<string, string>, value: number]

export class Metrics implements Meter {
  readonly #registry = new Registry()
  readonly #decisions = zeros(outcomeNames, () => zeros(rungs, () => 0))
  readonly #rejects = zeros(rejectLabels, () => 0)
  readonly #failures = zeros(Object.keys(errorKinds) as ErrorCode[], () => 0)
  #duplicates = 0
  #recorded = 0
  readonly #batch = this.#histogram(decisionMetrics.batch).labels()
  readonly #engine = this.#histogram(decisionMetrics.engine).labels()
  readonly #sends = this.#histogram(decisionMetrics.sends).labels()
  readonly #stages: readonly (readonly [(typeof stages)[number], Histogram.Internal<string>])[]

  constructor() {
    const stage = this.#histogram(decisionMetrics.stage)
    for (const name of stages) stage.zero({ stage: name })
    this.#stages = stages.map((name) => [name, stage.labels({ stage: name })] as const)
    this.#pull(decisionMetrics.decisions, () =>
      outcomeNames.flatMap((outcome) =>
        rungs.map((rung) => [{ outcome, rung }, this.#decisions[outcome][rung]] as const),
      ),
    )
    this.#pull(decisionMetrics.rejects, () => samplesOf('reason', this.#rejects))
    this.#pull(decisionMetrics.failures, () => samplesOf('code', this.#failures))
    this.#pull(decisionMetrics.duplicates, () => [[{}, this.#duplicates]])
    this.#pull(decisionMetrics.recorded, () => [[{}, this.#recorded]])
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** All that is watched, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  decided(outcomes: readonly Outcome[], latency: Readonly<Latency> | null): void {
    for (const outcome of outcomes) this.#count(outcome)
    this.#batch.observe(outcomes.length)
    if (latency === null) return
    let us = 0
    for (const [name, histogram] of this.#stages) {
      us += latency[name]
      histogram.observe(latency[name] / 1e6)
    }
    this.#engine.observe(us / 1e6)
  }

  sent(outcomes: number): void {
    this.#sends.observe(outcomes)
  }

  failed(error: unknown): void {
    this.#failures[codeOf(error)]++
  }

  /** From now on the models are asked at each scrape. Once. */
  watchModels(models: WatchedModels): void {
    const each = (declaration: MetricDeclaration, read: (seat: SeatStats) => Sample[]): void => {
      this.#pull(declaration, () =>
        models.seats().flatMap((seat) => {
          const { model, role } = seat
          const of = { model: model.name, version: String(model.version), role }
          return read(seat).map(([labels, value]): Sample => [{ ...of, ...labels }, value])
        }),
      )
    }
    each(modelMetrics.info, ({ model: { scorer } }) => [[{ scorer }, 1]])
    each(modelMetrics.outcomes, ({ outcomes }) => samplesOf('outcome', outcomes))
    each(modelMetrics.absent, ({ absent }) => samplesOf('reason', absent))
    for (const key of ['scored', 'scoreSum', 'unscored'] as const) {
      each(modelMetrics[key], (seat) => [[{}, seat[key]]])
    }
    this.#pull(modelMetrics.swaps, () => [[{}, models.stats.swaps]])
    this.#pull(modelMetrics.refusals, () => [[{}, models.stats.refusals]])
  }

  /** From now on the store is asked at each scrape. Once. */
  watchStore(stats: () => StoreStats): void {
    for (const [key, declaration] of Object.entries(storeMetrics)) {
      this.#pull(declaration, () => [[{}, Number(stats()[key as keyof StoreStats])]])
    }
  }

  /** From now on the stream is asked at each scrape. Once. */
  watchStream(stream: WatchedStream): void {
    const byPartition = (numbers: ReadonlyMap<number, number>): Sample[] =>
      [...numbers].map(([partition, number]) => [{ partition: String(partition) }, number])
    this.#pull(streamMetrics.lag, async () => byPartition(await stream.lag()))
    this.#pull(streamMetrics.outbox, () => byPartition(stream.backlog().outboxes))
    this.#pull(streamMetrics.waiting, () => [[{}, stream.backlog().waiting]])
    this.#pull(streamMetrics.givenUp, () => [[{}, stream.backlog().givenUp]])
  }

  /** From now on the sidecar is asked at each scrape. Once. */
  watchSidecar(stats: () => Readonly<Record<keyof typeof sidecarMetrics, number>>): void {
    for (const [key, declaration] of Object.entries(sidecarMetrics)) {
      this.#pull(declaration, () => [[{}, stats()[key as keyof typeof sidecarMetrics]]])
    }
  }

  /** Processor, memory, garbage collection and event loop of this process. Once. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry })
  }

  #count({ type, outcome, rung, reject }: Outcome): void {
    if (type === 'decision') this.#decisions[outcome ?? 'review'][rung ?? 'full']++
    else if (type === 'duplicate') this.#duplicates++
    else if (type === 'recorded') this.#recorded++
    else {
      const reason = reject?.reason ?? 'other'
      this.#rejects[Object.hasOwn(this.#rejects, reason) ? reason : 'other']!++
    }
  }

  #histogram({ name, help, buckets, labels }: MetricDeclaration): Histogram {
    return new Histogram({
      name,
      help,
      buckets: [...buckets],
      labelNames: Object.keys(labels),
      registers: [this.#registry],
    })
  }

  /** A counter or gauge whose samples are read when somebody asks. What is not among them any more is gone. */
  #pull(declaration: MetricDeclaration, read: () => readonly Sample[] | Promise<Sample[]>): void {
    const { name, help, type, labels } = declaration
    const options = { name, help, labelNames: Object.keys(labels), registers: [this.#registry] }
    const metric: Counter | Gauge =
      type === 'counter'
        ? new Counter({ ...options, collect: () => collect() })
        : new Gauge({ ...options, collect: () => collect() })
    const collect = async (): Promise<void> => {
      const samples = await read()
      metric.reset()
      for (const [of, value] of samples) metric.inc(of, value)
    }
  }
}

/** Name, type and help of what `watchProcess` adds on this system. */
export async function processMetrics(): Promise<readonly ProcessMetric[]> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return (await registry.getMetricsAsJSON()).map(({ name, type, help }) => ({
    name,
    type: String(type),
    help,
  }))
}

export interface ProcessMetric {
  readonly name: string
  readonly type: string
  readonly help: string
}

function zeros<const K extends string, V>(keys: readonly K[], zero: () => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, zero()])) as Record<K, V>
}

function samplesOf(label: string, numbers: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(numbers).map(([value, number]) => [{ [label]: value }, number])
}
