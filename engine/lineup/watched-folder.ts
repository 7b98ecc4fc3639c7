// Looks at a models folder a few times a second and asks for the lineup that its lineup.json says. By asking, not by being told:
// mounted volumes and links that are changed tell nobody.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../core/ports.ts'
import { describe } from '../errors.ts'
import {
  type LineupFile,
  lineupFileName,
  modelFolders,
  readLineup,
  seatsOf,
} from './lineup-file.ts'
import type { Change, Swapper } from './swapper.ts'

const lookMs = 250

/** All that the gate reads: whichever of them comes last, the model is tried again. */
const modelFiles = ['manifest.json', 'model.onnx', 'golden.json', 'background.json']

export class WatchedFolder {
  readonly #folder: string
  readonly #swapper: Swapper
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #seen: string
  #asked: Promise<void> = Promise.resolve()

  constructor(folder: string, swapper: Swapper, log: Log) {
    this.#folder = folder
    this.#swapper = swapper
    this.#log = log
    // Of what decides now; a change since then is seen at the first look.
    this.#seen = ''
    this.#timer = setInterval(() => {
      this.look()
    }, lookMs)
    this.#timer.unref()
  }

  /** Asks for what the folder says, if it says anything new. Never throws; what is refused is said in the log, once. */
  look(): void {
    const signature = this.#signature()
    if (signature === this.#seen) return
    this.#seen = signature
    // Read in its turn: whoever changes the file first may be about to write it.
    this.#asked = this.#swapper.inTurn((change) => this.#follow(change))
  }

  async #follow(change: Change): Promise<void> {
    const lineup = this.#read()
    // What is refused has been said.
    if (lineup !== null) await change(seatsOf(this.#folder, lineup.models)).catch(() => undefined)
  }

  #read(): LineupFile | null {
    try {
      return readLineup(this.#folder)
    } catch (error) {
      this.#log.error({ error }, `${lineupFileName} is not understood: no model changed`)
      return null
    }
  }

  /** Resolves once what was asked for is done. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#asked
  }

  /** Of the lineup and of all models that it may name. */
  #signature(): string {
    try {
      const files = modelFolders(this.#folder).flatMap((name) =>
        modelFiles.map((file) => join(this.#folder, name, file)),
      )
      return [join(this.#folder, lineupFileName), ...files].map(stampOf).join(' ')
    } catch (error) {
      return describe(error)
    }
  }
}

/** Hash of a folder's manifest; null without one that can be read. */
export function manifestHash(folder: string): string | null {
  try {
    const bytes = readFileSync(join(folder, 'manifest.json'))
    return createHash('sha256').update(bytes).digest('hex')
  } catch {
    return null
  }
}

function stampOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false })
  // Not when it says that it was written: archives say what they like.
  return stats === undefined ? 'none' : `${stats.ino}-${stats.ctimeMs}-${stats.size}`
}
