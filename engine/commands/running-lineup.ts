// What lets the models of a running engine be changed: the watched folder and the admin listener, where they are configured.

import type { Assembled } from '../assemble.ts'
import { closeLineup, type Lineup } from '../core/lineup.ts'
import type { Pipeline } from '../core/pipeline.ts'
import type { SeatStats } from '../core/scoring.ts'
import { Admin } from '../lineup/admin.ts'
import { admit } from '../lineup/admission.ts'
import { Swapper, type SwapStats } from '../lineup/swapper.ts'
import { manifestHash, WatchedFolder } from '../lineup/watched-folder.ts'
import type { Context } from './command.ts'
import { scoringOptions } from './open.ts'

/** The models of an engine: changed while it runs, closed with it. */
export class RunningLineup {
  readonly #lineup: Lineup
  readonly #pipeline: Pipeline
  readonly #swapper: Swapper | null
  readonly #watched: WatchedFolder | null
  readonly #admin: Admin | null

  private constructor(
    lineup: Lineup,
    pipeline: Pipeline,
    swapper: Swapper | null,
    watched: WatchedFolder | null,
    admin: Admin | null,
  ) {
    this.#lineup = lineup
    this.#pipeline = pipeline
    this.#swapper = swapper
    this.#watched = watched
    this.#admin = admin
  }

  /** Rejects with EngineError where it cannot listen. */
  static async open(
    assembly: Assembled,
    pipeline: Pipeline,
    context: Context,
  ): Promise<RunningLineup> {
    const { loaded, log } = context
    const { modelsFolder: folder, admin } = loaded.config
    if (folder === null && admin.port === 0) {
      return new RunningLineup(assembly.lineup, pipeline, null, null, null)
    }
    const { features } = assembly.catalog
    const definitions = new Map(features.map(({ name, definition }) => [name, definition]))
    const swapper = new Swapper({
      engine: pipeline,
      lineup: assembly.lineup,
      folders: assembly.modelFolders,
      admit: (from, signal) =>
        admit(from, { definitions, ...scoringOptions(loaded.config, log) }, signal),
      hashOf: manifestHash,
      policyOf: (suggested) => assembly.policyOf(suggested),
      log,
    })
    const port = admin.port
    const parts = { port, folder, swapper, seats: () => pipeline.seats() }
    const listener = port === 0 ? null : await Admin.open(parts)
    if (listener !== null) log.info({ port }, 'models can be changed')
    const watched = folder === null ? null : new WatchedFolder(folder, swapper, log)
    return new RunningLineup(assembly.lineup, pipeline, swapper, watched, listener)
  }

  seats(): readonly SeatStats[] {
    return this.#pipeline.seats()
  }

  get stats(): SwapStats {
    return this.#swapper?.stats ?? { swaps: 0, refusals: 0 }
  }

  /** Once nobody decides any more. */
  async close(): Promise<void> {
    // First of all: what is at the gate is given up, and nobody below waits for it.
    const closing = this.#swapper?.close()
    await this.#admin?.close()
    await this.#watched?.close()
    if (closing === undefined) await closeLineup(this.#lineup)
    else await Promise.all((await closing).map((model) => model.close()))
  }
}
