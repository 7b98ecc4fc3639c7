// A models folder in a temporary place, with real models over features of the shipped catalog, for tests of changing them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileCatalogs } from '../../../features/catalogs.ts'
import {
  goldenRows,
  linearParts,
  linearScore,
  manifestOf,
  modelFile,
} from '../../../models/testing/model-files.ts'
import { shipped } from '../../assemble.ts'
import { readDocument } from '../../document.ts'
import { lineupFileName } from '../lineup-file.ts'

const catalog = compileCatalogs([readDocument(shipped.catalog)])

/** By name. */
export const shippedDefinitions: ReadonlyMap<string, string> = new Map(
  catalog.features.map(({ name, definition }) => [name, definition]),
)

export class ModelsFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'weir-lineup-'))

  /** A model that scores by a formula of three features; the score is off by `bias` margins. Over what is there. */
  make(
    name: string,
    change: { readonly version?: number; readonly manifest?: object } = {},
  ): string {
    const bytes = modelFile(linearParts())
    const inputs = ['amount', 'card_count_1h', 'card_count_1d'].map((feature) => {
      const definition = shippedDefinitions.get(feature)
      return { feature, definition, imputation: 0, mean: 1, deviation: 2 }
    })
    const { version = 1, manifest } = change
    const whole = { ...manifestOf(bytes), name, version, inputs, ...manifest }
    const folder = join(this.path, name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'model.onnx'), bytes)
    writeFileSync(
      join(folder, 'golden.json'),
      JSON.stringify({ rows: goldenRows, scores: goldenRows.map(linearScore) }),
    )
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(whole))
    return folder
  }

  /** A folder that the gate refuses: its golden scores are not the model's. */
  makeBroken(name: string): string {
    const folder = this.make(name)
    const golden = { rows: goldenRows, scores: goldenRows.map(() => 0.123) }
    writeFileSync(join(folder, 'golden.json'), JSON.stringify(golden))
    return folder
  }

  write(lineup: unknown): void {
    const text = typeof lineup === 'string' ? lineup : JSON.stringify(lineup)
    writeFileSync(join(this.path, lineupFileName), text)
  }

  read(): unknown {
    return JSON.parse(readFileSync(join(this.path, lineupFileName), 'utf8')) as unknown
  }

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
