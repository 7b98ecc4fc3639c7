// Metrics and probes of a running engine, where the configuration names an address for them. Without one nothing is
// counted and nothing listens.
import type { StoreStats } from '../../features/store/store.ts'
import { type Meter, noMeter } from '../core/ports.ts'
import { Listener } from '../telemetry/listener.ts'
import { Metrics, type WatchedModels, type WatchedStream } from '../telemetry/metrics.ts'
import type { Context } from './command.ts'

export interface WatchedEngine extends WatchedStream {
  store(): StoreStats
  isReady(): boolean
  readonly models: WatchedModels
}

export class Watch {
  readonly meter: Meter
  readonly #metrics: Metrics | null
  #listener: Listener | null = null
  #engine: WatchedEngine | null = null

  private constructor(metrics: Metrics | null) {
    this.#metrics = metrics
    this.meter = metrics ?? noMeter
  }

  /** Listens from now on, and is not ready before there is an engine. Rejects with EngineError. */
  static async open({ loaded, log }: Context): Promise<Watch> {
    const { host, port } = loaded.config.http
    const isWanted = loaded.origins.has('http.host') || loaded.origins.has('http.port')
    if (!isWanted) return new Watch(null)
    const metrics = new Metrics()
    metrics.watchProcess()
    const watch = new Watch(metrics)
    const isReady = (): boolean => watch.#engine?.isReady() ?? false
    const scorer = (): string | null => watch.#engine?.models.seats()[0]?.model.scorer ?? null
    watch.#listener = await Listener.open({ host, port, isReady, scorer, metrics })
    log.info({ host, port }, 'listening for probes and scrapes')
    return watch
  }

  /** Once. */
  engine(engine: WatchedEngine): void {
    this.#engine = engine
    this.#metrics?.watchStore(() => engine.store())
    this.#metrics?.watchStream(engine)
    this.#metrics?.watchModels(engine.models)
  }

  async close(): Promise<void> {
    await this.#listener?.close()
  }
}
