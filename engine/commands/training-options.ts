// What `weir train` can be asked: its flags, read with all their faults, and the command that asks the same again. It opens
// nothing.
import { basename, resolve } from 'node:path'
import { parseDurationMs, show } from '../../features/document.ts'
import type { EpochOptions, FitOptions } from '../../models/train/fit.ts'
import { type BackendChoice, backendChoices } from '../../models/train/tensorflow.ts'
import type { TreeOptions } from '../../models/train/trees/boosting.ts'
import type { LoadedConfig } from '../config.ts'
import { type Flag, sharedFlags } from './command.ts'
import type { Flags } from './flags.ts'
import { historyInput, type Input } from './input.ts'
import { modelNameOf } from './model-name.ts'

export type Method =
  | { readonly kind: 'network'; readonly fit: FitOptions }
  | { readonly kind: 'trees'; readonly fit: TreeOptions }
  | { readonly kind: 'autoencoder'; readonly fit: EpochOptions }

/** Where a model is written: a folder, absolute, that says its name and version. */
export interface ModelPlace {
  readonly folder: string
  readonly name: string
  readonly version: number
}

export interface TrainOptions {
  readonly input: Input
  /** Stop after so many messages; Infinity for all. */
  readonly messagesMax: number
  /** Null: nothing is fitted, and other models alone are compared. */
  readonly model: { readonly place: ModelPlace; readonly method: Method } | null
  /** Names of the catalog; null: all that the mapping can fill. */
  readonly features: readonly string[] | null
  /** Null: measured. */
  readonly labelDelayMs: number | null
  /** Share of the history's time that is judged; the generator has a period of its own. */
  readonly judgedShare: number
  readonly backend: BackendChoice
  /** Folders of other models, absolute. */
  readonly compare: readonly string[]
}

const kinds = ['trees', 'network', 'autoencoder', 'none'] as const
type Kind = (typeof kinds)[number]
const kindDefault = 'trees' satisfies Kind

export const networkDefaults = {
  hidden: [64, 32],
  epochsMax: 30,
  patience: 4,
  batchRows: 1024,
  learningRate: 0.001,
  stepsPerHalving: 2500,
  fraudWeight: 1,
  seed: 1,
} as const satisfies FitOptions

const treeDefaults = {
  treesMax: 200,
  patience: 40,
  leavesMax: 15,
  depthMax: 64,
  learningRate: 0.1,
  rowsMin: 100,
  hessianMin: 0.001,
  l2: 10,
  rowShare: 1,
  featureShare: 1,
  fraudWeight: 1,
  seed: 1,
} as const satisfies TreeOptions

const autoencoderDefaults = {
  hidden: [32, 12, 32],
  epochsMax: 30,
  patience: 4,
  batchRows: 1024,
  learningRate: 0.001,
  stepsPerHalving: 2500,
  seed: 1,
} as const satisfies EpochOptions

export const trainFlags: readonly Flag[] = [
  sharedFlags.input,
  sharedFlags.map,
  sharedFlags.catalog,
  { form: '--out <folder>', help: 'where to write: a folder <name>-v<version>, e.g. cards-v1' },
  {
    form: '--fit <kind>',
    help: 'trees, network, autoencoder (needs no labels), or none: only --compare (default: trees)',
  },
  {
    form: '--compare <folders>',
    help: 'other models to judge by the same rows, the first saying how many customers may be hurt',
    isList: true,
  },
  {
    form: '--features <names>',
    help: 'inputs of the model, names of the catalog with commas (default: all)',
  },
  {
    form: '--label-delay <time>',
    help: 'how long labels take, e.g. 7d (default: what 99 of 100 took)',
  },
  {
    form: '--judge <percent>',
    help: 'end of the history that is judged, not trained on (default: 20)',
  },
  {
    form: '--layers <units>',
    help: 'hidden layers of a network or autoencoder (default: 64,32; 32,12,32)',
  },
  { form: '--epochs <count>', help: 'their most passes over the rows (default: 30)' },
  { form: '--trees <count>', help: 'most trees (default: 200)' },
  { form: '--leaves <count>', help: 'most leaves of a tree (default: 15)' },
  {
    form: '--fraud-weight <weight>',
    help: 'what a fraud counts in training a network or trees (default: 1)',
  },
  { form: '--fit-seed <number>', help: 'seed of weights, batches and samples (default: 1)' },
  {
    form: '--backend <name>',
    help: 'of TensorFlow.js: auto, native (@tensorflow/tfjs-node) or wasm (default: auto)',
  },
  sharedFlags.from,
  sharedFlags.to,
  sharedFlags.limit,
  sharedFlags.seed,
]

/** Flags that only some kinds of fit know. */
const ownFlags: Readonly<Record<string, readonly Kind[]>> = {
  '--out': ['network', 'trees', 'autoencoder'],
  '--features': ['network', 'trees', 'autoencoder'],
  '--fit-seed': ['network', 'trees', 'autoencoder'],
  '--backend': ['network', 'trees', 'autoencoder'],
  '--layers': ['network', 'autoencoder'],
  '--epochs': ['network', 'autoencoder'],
  '--trees': ['trees'],
  '--leaves': ['trees'],
  '--fraud-weight': ['network', 'trees'],
}

export function readTrainOptions(flags: Flags, loaded: LoadedConfig | null): TrainOptions {
  const kind = readKind(flags)
  for (const [flag, own] of Object.entries(ownFlags)) {
    if (!flags.has(flag) || own.includes(kind)) continue
    flags.fault(flag, `it with --fit ${own.join(' or ')} only`, `--fit ${kind}`)
  }
  const compare = readFolders(flags)
  if (kind === 'none' && compare.length === 0) {
    flags.fault('--compare', 'folders of models, where --fit none makes none', 'nothing')
  }
  return {
    input: historyInput(flags, loaded),
    messagesMax: flags.count('--limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
    model: kind === 'none' ? null : { place: readOut(flags), method: readMethod(flags, kind) },
    features: readNames(flags),
    labelDelayMs: readDelayMs(flags),
    judgedShare: (flags.count('--judge', 1, 90) ?? 20) / 100,
    backend: readBackend(flags),
    compare,
  }
}

function readKind(flags: Flags): Kind {
  const text = flags.text('--fit')
  if (text === null) return kindDefault
  const kind = kinds.find((one) => one === text)
  if (kind === undefined) flags.fault('--fit', `one of ${kinds.join(', ')}`, show(text))
  return kind ?? kindDefault
}

function readMethod(flags: Flags, kind: Exclude<Kind, 'none'>): Method {
  const seed = flags.count('--fit-seed', 0, 2 ** 31 - 1) ?? 1
  const epochsMax = flags.count('--epochs', 1, 1000)
  const fraudWeight = flags.count('--fraud-weight', 1, 10_000) ?? 1
  const hidden = readLayers(flags)
  switch (kind) {
    case 'network': {
      const { hidden: layers, epochsMax: epochs } = networkDefaults
      const own = { hidden: hidden ?? layers, epochsMax: epochsMax ?? epochs, fraudWeight, seed }
      return { kind, fit: { ...networkDefaults, ...own } }
    }
    case 'trees': {
      const treesMax = flags.count('--trees', 1, 10_000) ?? treeDefaults.treesMax
      const leavesMax = flags.count('--leaves', 2, 255) ?? treeDefaults.leavesMax
      return { kind, fit: { ...treeDefaults, treesMax, leavesMax, fraudWeight, seed } }
    }
    case 'autoencoder': {
      const { hidden: layers, epochsMax: epochs } = autoencoderDefaults
      const own = { hidden: hidden ?? layers, epochsMax: epochsMax ?? epochs, seed }
      return { kind, fit: { ...autoencoderDefaults, ...own } }
    }
  }
}

/** Where the rows came from and how to have the same again, without the paths of this machine. */
export interface Described {
  readonly source: string
  readonly isGenerated: boolean
  readonly judgedSource: string
  readonly command: string
}

export function describe(
  options: TrainOptions,
  place: ModelPlace,
  loaded: LoadedConfig,
): Described {
  const { input, judgedShare } = options
  const isGenerated = input.kind === 'generator'
  const where = placeOf(input)
  return {
    isGenerated,
    source: isGenerated
      ? `Generated transactions (\`features/generator\`, default parameters, seed ${input.seed})`
      : `\`${where}\``,
    judgedSource: isGenerated
      ? 'Generated transactions of a later period, another seed and fraudsters who work otherwise (evaluation parameters). Their truth is what was planted, reported or not:'
      : `The last ${Math.round(judgedShare * 100)} % of the time of \`${where}\`, by its labels:`,
    command: commandOf(options, place, loaded),
  }
}

function placeOf(input: Input): string {
  if (input.kind === 'file') return basename(input.file)
  return input.kind === 'generator' ? 'generator' : `kafka:${input.topic}`
}

function commandOf(options: TrainOptions, place: ModelPlace, { config }: LoadedConfig): string {
  const { input, messagesMax, model, features, labelDelayMs, judgedShare, compare } = options
  const parts = ['weir train']
  const say = (flag: string, value: string | number | null, standard?: string | number): void => {
    if (value !== null && value !== standard) parts.push(`${flag} ${value}`)
  }
  const names = (files: readonly string[]): string | null =>
    files.map((file) => basename(file)).join(',') || null
  say('--input', placeOf(input))
  say('--map', config.source === null ? null : basename(config.source))
  say('--catalog', names(config.catalog))
  say('--limit', messagesMax, Number.POSITIVE_INFINITY)
  if (input.kind === 'generator') say('--seed', input.seed, 1)
  say('--fit', model?.method.kind ?? 'none', kindDefault)
  say('--features', features === null ? null : features.join(','))
  say('--label-delay', labelDelayMs === null ? null : `${labelDelayMs}ms`)
  if (input.kind !== 'generator') say('--judge', Math.round(judgedShare * 100), 20)
  if (model !== null) sayMethod(model.method, say)
  say('--compare', names(compare))
  say('--out', basename(place.folder))
  return parts.join(' ')
}

function sayMethod(
  method: Method,
  say: (flag: string, value: string | number, standard: string | number) => void,
): void {
  const { kind, fit } = method
  if (kind === 'trees') {
    say('--trees', fit.treesMax, treeDefaults.treesMax)
    say('--leaves', fit.leavesMax, treeDefaults.leavesMax)
  } else {
    const defaults = kind === 'network' ? networkDefaults : autoencoderDefaults
    say('--layers', fit.hidden.join(','), defaults.hidden.join(','))
    say('--epochs', fit.epochsMax, defaults.epochsMax)
  }
  if (kind !== 'autoencoder') say('--fraud-weight', fit.fraudWeight, 1)
  say('--fit-seed', fit.seed, 1)
}

/** `--out models/cards-v2`: the model is called cards, version 2. */
function readOut(flags: Flags): ModelPlace {
  const text = flags.text('--out')
  const folder = resolve(flags.folder, text ?? '.')
  const called = modelNameOf(folder)
  if (text === null || called === null) {
    const found = text === null ? 'nothing' : show(text)
    flags.fault('--out', 'a folder <name>-v<version> such as cards-v1', found)
  }
  return { folder, name: called?.name ?? '', version: called?.version ?? 0 }
}

function readNames(flags: Flags): string[] | null {
  const text = flags.text('--features')
  if (text === null) return null
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === '') || new Set(names).size < names.length) {
    flags.fault('--features', 'names with commas, each once', show(text))
  }
  return names
}

function readLayers(flags: Flags): number[] | null {
  const text = flags.text('--layers')
  if (text === null) return null
  const units = text.split(',').map((part) => (/^\d{1,4}$/.test(part.trim()) ? Number(part) : 0))
  if (units.length <= 5 && units.every((count) => count >= 1 && count <= 1024)) return units
  flags.fault('--layers', 'up to five numbers from 1 to 1024, such as 64,32', show(text))
  return null
}

function readFolders(flags: Flags): string[] {
  const text = flags.text('--compare')
  if (text === null) return []
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === '') || new Set(names).size < names.length) {
    flags.fault('--compare', 'folders with commas, each once', show(text))
  }
  return names.map((name) => resolve(flags.folder, name))
}

function readDelayMs(flags: Flags): number | null {
  const text = flags.text('--label-delay')
  if (text === null) return null
  const delayMs = parseDurationMs(text)
  if (delayMs === null) flags.fault('--label-delay', 'a duration such as 7d or 12h', show(text))
  return delayMs
}

function readBackend(flags: Flags): BackendChoice {
  const text = flags.text('--backend') ?? 'auto'
  const choice = backendChoices.find((one) => one === text)
  if (choice === undefined) {
    flags.fault('--backend', `one of ${backendChoices.join(', ')}`, show(text))
  }
  return choice ?? 'auto'
}
