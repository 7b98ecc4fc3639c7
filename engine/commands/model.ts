// `weir model …`: looks at a model, or brings one from elsewhere. What each asks for; what they do is in files of their own.
import { statSync } from 'node:fs'
import { extname, relative, resolve } from 'node:path'
import { show } from '../../features/document.ts'
import type { Imputation } from '../../models/import/request.ts'
import type { Thresholds } from '../../models/model.ts'
import { type OutputKind, outputKinds } from '../../models/reading.ts'
import { type CommandLine, sharedFlags } from './command.ts'
import type { Flags } from './flags.ts'
import { modelNameOf } from './model-name.ts'
import { rowFileEndings } from './row-file.ts'

const fileArgument = '<file>'

/** A path as it was typed, for messages, and absolute. */
export interface Named {
  readonly text: string
  readonly path: string
}

export interface InspectOptions {
  readonly place: Named
  readonly isFolder: boolean
}

export const inspectLine: CommandLine<InspectOptions> = {
  name: 'model inspect',
  summary: 'what a model file or folder is, and what the gate says of it',
  details:
    'Prints inputs, outputs, operators, size and producer of an ONNX file, and everything for which it would be refused. Of a ' +
    'folder also what its manifest says, and whether it would be admitted; with a catalog its features are held against that. ' +
    'Exit 1 where it would be refused.',
  argument: { form: fileArgument, help: 'an ONNX file, or a model folder' },
  flags: [sharedFlags.catalog],
  examples: [
    'weir model inspect model.onnx',
    'weir model inspect models/cards-v1 --catalog catalog.yaml',
  ],
  parse: (flags) => {
    const place = named(flags, fileArgument)
    const stats = statSync(place.path, { throwIfNoEntry: false })
    if (stats === undefined) flags.fault(fileArgument, 'a file or folder that exists', place.path)
    return { place, isFolder: stats?.isDirectory() === true }
  },
  next: ({ place, isFolder }) =>
    isFolder
      ? `weir replay --model ${place.text}    and compare with the model you have`
      : `weir model import ${place.text} --features … --golden … --out …    a model folder`,
}

export interface ImportOptions {
  readonly model: Named
  /** Names, or a file that has them; null: the columns of the golden rows. */
  readonly features: readonly string[] | Named | null
  readonly golden: Named
  readonly sample: Named | null
  readonly folder: Named
  readonly name: string
  readonly version: number
  readonly kind: OutputKind | null
  readonly output: string | null
  readonly column: number | null
  readonly fraud: number
  readonly stranger: 'higher' | 'lower'
  readonly thresholds: Thresholds | null
  readonly tolerance: number
  readonly imputation: Imputation | null
  readonly isForReplay: boolean
}

export const importLine: CommandLine<ImportOptions> = {
  name: 'model import',
  summary: 'an ONNX file of another library → a model folder',
  details:
    'Makes a model folder of an ONNX file, the names of its columns and golden rows: rows with the score that the library that ' +
    'fitted it gave them. How scores are read from its outputs is found out by these; what was guessed is said. The folder is ' +
    'opened through the whole gate: where that refuses it, everything that is wrong is said and nothing is left behind (exit 1).',
  argument: { form: fileArgument, help: 'an ONNX file' },
  flags: [
    {
      form: '--features <names>',
      help: 'its columns, in order: names of the catalog with commas, or a file that has them: .txt with one a line, or the header of rows (default: the columns of --golden)',
    },
    {
      form: '--golden <file>',
      help: 'rows with a column score: what the library says of them (.csv, .jsonl, .json or .parquet)',
    },
    { form: '--out <folder>', help: 'where to write: a folder <name>-v<version>, e.g. cards-v1' },
    {
      form: '--sample <file>',
      help: 'rows that it was fitted on, for means and explanations (default: the golden rows)',
    },
    { form: '--name <name>', help: 'name of the model (default: that of the folder)' },
    { form: '--model-version <number>', help: 'its version (default: that of the folder)' },
    { form: '--kind <kind>', help: `${outputKinds.join(', ')} (default: found out)` },
    { form: '--output <name>', help: 'the output that scores are read from (default: found out)' },
    { form: '--column <number>', help: 'its column, from 0 (default: found out)' },
    { form: '--fraud <label>', help: 'of labels: the one that means fraud (default: 1)' },
    { form: '--stranger <which>', help: 'of an anomaly: higher or lower (default: higher)' },
    {
      form: '--thresholds <scores>',
      help: 'review and deny from these on, e.g. 0.4,0.9 (default: by the sample)',
    },
    {
      form: '--tolerance <difference>',
      help: 'how far a golden score may be off (default: 0.00001)',
    },
    {
      form: '--imputation <value>',
      help: 'for absent values: nan, mean, median or a number (default: nan where golden rows have absent values, else mean)',
    },
    { form: '--for-replay', help: 'a row may take 100 ms instead of one: too slow for a stream' },
    sharedFlags.catalog,
  ],
  examples: [
    'weir model import model.onnx --features amount,hour,card_count_1h --golden golden.csv --out models/cards-v1',
    'weir model import forest.onnx --golden golden.jsonl --kind anomaly --stranger lower --sample rows.csv --out models/strange-v1',
  ],
  parse: (flags) => {
    const model = presentFile(flags, fileArgument)
    const golden = presentFile(flags, '--golden', rowFileEndings)
    return {
      model,
      features: readFeatures(flags),
      golden,
      sample: flags.has('--sample') ? presentFile(flags, '--sample', rowFileEndings) : null,
      ...readOut(flags),
      kind: readChoice(flags, '--kind', outputKinds),
      output: flags.text('--output'),
      column: flags.count('--column', 0, 1000),
      fraud: readNumber(flags, '--fraud', -1_000_000, 1_000_000) ?? 1,
      stranger: readChoice(flags, '--stranger', ['higher', 'lower'] as const) ?? 'higher',
      thresholds: readThresholds(flags),
      tolerance: readNumber(flags, '--tolerance', 0, 0.01) ?? 1e-5,
      imputation: readImputation(flags),
      isForReplay: flags.has('--for-replay'),
    }
  },
  next: ({ folder }) => `weir replay --model ${folder.text}    and compare with the model you have`,
}

function named(flags: Flags, name: string): Named {
  const text = flags.text(name) ?? ''
  const path = resolve(flags.folder, text)
  const near = relative(flags.folder, path)
  return { text: near === '' || near.startsWith('..') ? text : near, path }
}

function presentFile(flags: Flags, name: string, endings: readonly string[] | null = null): Named {
  const file = named(flags, name)
  const what = endings === null ? 'a file' : `a file ending in ${endings.join(', ')}`
  if (file.text === '') flags.fault(name, what, 'nothing')
  else if (statSync(file.path, { throwIfNoEntry: false })?.isFile() !== true) {
    flags.fault(name, 'a file that exists', file.path)
  } else if (endings !== null && !endings.includes(extname(file.path))) {
    flags.fault(name, what, show(file.text))
  }
  return file
}

function readFeatures(flags: Flags): string[] | Named | null {
  const text = flags.text('--features')
  if (text === null) return null
  if (['.txt', ...rowFileEndings].includes(extname(text))) {
    return presentFile(flags, '--features')
  }
  return text.split(',').map((name) => name.trim())
}

/** `--out models/cards-v2`: the model is called cards, version 2, if it is not said otherwise. */
function readOut(flags: Flags): Pick<ImportOptions, 'folder' | 'name' | 'version'> {
  const folder = named(flags, '--out')
  const called = modelNameOf(folder.path)
  const name = flags.text('--name') ?? called?.name ?? null
  const version = flags.count('--model-version', 1, 1_000_000) ?? called?.version ?? 0
  if (folder.text === '') flags.fault('--out', 'a folder such as models/cards-v1', 'nothing')
  else if (called === null && (name === null || version === 0)) {
    const expected = 'a folder <name>-v<version> such as cards-v1, or --name and --model-version'
    flags.fault('--out', expected, show(folder.text))
  } else if (name !== null && !/^[A-Za-z_]\w{0,63}$/.test(name)) {
    flags.fault('--name', 'a name of letters, digits and _, at most 64', show(name))
  }
  return { folder, name: name ?? '', version }
}

function readChoice<T extends string>(flags: Flags, name: string, choices: readonly T[]): T | null {
  const text = flags.text(name)
  if (text === null) return null
  const choice = choices.find((one) => one === text)
  if (choice === undefined) flags.fault(name, `one of ${choices.join(', ')}`, show(text))
  return choice ?? null
}

function readNumber(flags: Flags, name: string, min: number, max: number): number | null {
  const text = flags.text(name)
  if (text === null) return null
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= min && value <= max) return value
  flags.fault(name, `a number from ${min} to ${max}`, show(text))
  return null
}

function readThresholds(flags: Flags): Thresholds | null {
  const text = flags.text('--thresholds')
  if (text === null) return null
  const [review, deny, ...more] = text.split(',').map(Number)
  if (review !== undefined && deny !== undefined && more.length === 0) {
    if (review >= 0 && review <= deny && deny <= 1) return { review, deny }
  }
  const expected = 'two numbers from 0 to 1, review at most deny, such as 0.4,0.9'
  flags.fault('--thresholds', expected, show(text))
  return null
}

function readImputation(flags: Flags): Imputation | null {
  const text = flags.text('--imputation')
  if (text === null) return null
  if (text === 'nan' || text === 'mean' || text === 'median') return text
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value)) return value
  flags.fault('--imputation', 'nan, mean, median or a number', show(text))
  return null
}
