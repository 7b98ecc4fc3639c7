// Runs `weir model import`: reads the files that it names, and says what came of it.
import { readFileSync } from 'node:fs'
import { idColumn } from '../../features/catalog.ts'
import { compileCatalogs } from '../../features/catalogs.ts'
import { DocumentError, formatFault } from '../../features/document.ts'
import { readModelBytes } from '../../models/gate.ts'
import { type Imported, importModel } from '../../models/import/import.ts'
import { ImportError, scoreColumn } from '../../models/import/request.ts'
import type { RowFile } from '../../models/import/rows.ts'
import { ModelRefusal } from '../../models/model.ts'
import { shipped } from '../assemble.ts'
import { parseDocument, readDocument } from '../document.ts'
import { EngineError } from '../errors.ts'
import type { Context, Run } from './command.ts'
import type { ImportOptions, Named } from './model.ts'
import { readRowFile } from './row-file.ts'

/** More golden rows are not looked at. */
const goldenRowsMax = 10_000
/** Of a sample: means and quantiles of so many are those of all. */
const sampleRowsMax = 8192

/** Columns of rows that are no features: what `--features-out` writes beside them, and the scores. */
const otherColumns = [idColumn, scoreColumn, 'time_ms', 'amount_minor', 'label', 'label_ms']

/** 0: the folder is there. 1: the model was refused, and nothing is. */
export const runImport: Run<ImportOptions> = async (options, context) => {
  const { model, folder, sample } = options
  const definitions = definitionsOf(context)
  const golden = await readRows(options.golden, goldenRowsMax)
  const sampled = sample && (await readRows(sample, sampleRowsMax))
  const features = await featuresOf(options.features, golden)
  try {
    const imported = await importModel(
      {
        ...options,
        file: model.text,
        bytes: readModelBytes(model.path, model.text),
        folder: folder.path,
        features,
        definitions,
        golden,
        sample: sampled,
        monotonicUs: () => context.clock.monotonicUs(),
      },
      parseDocument,
    )
    context.stdout.write(report(options, imported))
    return 0
  } catch (error) {
    // The request was right, the model is not: that is an answer.
    if (error instanceof ImportError)
      throw new EngineError('usage', error.message, { cause: error })
    if (!(error instanceof ModelRefusal)) throw error
    context.stderr.write(refusal(error).replaceAll(folder.path, folder.text))
    return 1
  }
}

/** The catalog's feature definitions by name. */
export function definitionsOf({ loaded }: Context): ReadonlyMap<string, string> {
  const { catalog } = loaded.config
  const files = catalog.length === 0 ? [shipped.catalog] : catalog
  const { features } = compileCatalogs(files.map((file) => readDocument(file)))
  return new Map(features.map(({ name, definition }) => [name, definition]))
}

export function refusal(error: DocumentError): string {
  const lines = error.faults.map((fault) => `  ${formatFault(fault)}`)
  return ['Refused:', ...lines, ''].join('\n')
}

function readRows({ path, text }: Named, rowsMax: number): Promise<RowFile> {
  return readRowFile(path, text, rowsMax)
}

async function featuresOf(
  asked: ImportOptions['features'],
  golden: RowFile,
): Promise<readonly string[]> {
  if (asked === null) return golden.columns.filter((name) => !otherColumns.includes(name))
  if (!('path' in asked)) return asked
  if (!asked.path.endsWith('.txt')) {
    const { columns } = await readRows(asked, 1)
    return columns.filter((name) => !otherColumns.includes(name))
  }
  const lines = readFileSync(asked.path, 'utf8').split(/\r?\n/)
  return lines.map((line) => line.trim()).filter((line) => line !== '')
}

function report({ folder, name, version, tolerance }: ImportOptions, imported: Imported): string {
  const { notes, goldenRows, difference } = imported
  return [
    `Admitted: ${name} ${version} in ${folder.text}, with its CARD.md`,
    `  golden rows: ${goldenRows}, the largest difference ${difference.toPrecision(2)} (allowed ${tolerance})`,
    ...notes.map((note) => `  ${note}`),
    '',
  ].join('\n')
}
