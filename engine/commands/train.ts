// `weir train`: history → a model folder that this engine can score with. It writes that folder and nothing else.
import { basename, resolve } from 'node:path'
import { closest, parseDurationMs, show } from '../../features/document.ts'
import { openModel } from '../../models/open.ts'
import type { FitOptions } from '../../models/train/fit.ts'
import { writeModelFolder } from '../../models/train/model-folder.ts'
import type { RowTable } from '../../models/train/row-table.ts'
import { judgedRows, type Split, splitHistory, warmUpMsOf } from '../../models/train/split.ts'
import {
  type BackendChoice,
  backendChoices,
  openTensorflow,
  reasonOf,
  type Tensorflow,
} from '../../models/train/tensorflow.ts'
import {
  type History,
  type Trained,
  TrainingError,
  train,
  unbeaten,
} from '../../models/train/training.ts'
import type { Assembly } from '../assemble.ts'
import { parseDocument } from '../document.ts'
import { EngineError } from '../errors.ts'
import { type CommandLine, type Context, type Run, sharedFlags } from './command.ts'
import type { Flags } from './flags.ts'
import { historyInput, type Input } from './input.ts'
import { openAssembly, tellAbsent } from './open.ts'
import { readEvaluation, readHistory } from './training-history.ts'

export interface TrainOptions {
  readonly input: Input
  /** Stop after so many messages; Infinity for all. */
  readonly messagesMax: number
  /** Absolute. */
  readonly folder: string
  readonly name: string
  readonly version: number
  /** Names of the catalog; null: all that the mapping can fill. */
  readonly features: readonly string[] | null
  /** Null: measured. */
  readonly labelDelayMs: number | null
  /** Share of the history's time that is judged; the generator has a period of its own. */
  readonly judgedShare: number
  readonly backend: BackendChoice
  readonly fit: FitOptions
}

const fitDefaults = {
  hidden: [64, 32],
  epochsMax: 30,
  patience: 4,
  batchRows: 1024,
  learningRate: 0.001,
  stepsPerHalving: 2500,
  fraudWeight: 1,
  seed: 1,
} as const satisfies FitOptions

export const trainLine: CommandLine<TrainOptions> = {
  name: 'train',
  summary: 'history → a model folder, with a card that says how good it is',
  details:
    'Computes the features of a file, a range of a topic or generated transactions as the engine would have at each of them, ' +
    'trains a network on the rows with a label, judges it on a later period beside three baselines, and writes model.onnx, ' +
    'manifest.json, golden.json and CARD.md. The same history and options give the same bytes.',
  flags: [
    sharedFlags.input,
    sharedFlags.map,
    sharedFlags.catalog,
    { form: '--out <folder>', help: 'where to write: a folder <name>-v<version>, e.g. cards-v1' },
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
    { form: '--layers <units>', help: 'hidden layers (default: 64,32)' },
    { form: '--epochs <count>', help: 'most passes over the rows (default: 30)' },
    { form: '--fraud-weight <weight>', help: 'what a fraud counts in training (default: 1)' },
    { form: '--fit-seed <number>', help: 'seed of weights and batches (default: 1)' },
    {
      form: '--backend <name>',
      help: 'auto, native (@tensorflow/tfjs-node) or wasm (default: auto)',
    },
    sharedFlags.from,
    sharedFlags.to,
    sharedFlags.limit,
    sharedFlags.seed,
  ],
  examples: [
    'weir train --input history.csv --map mapping.yaml --out models/cards-v1',
    'weir train --input kafka:transactions --map mapping.yaml --label-delay 30d --out cards-v2',
    'weir train --input generator --limit 200000 --out trial-v1',
  ],
  parse: (flags, loaded) => ({
    input: historyInput(flags, loaded),
    messagesMax: flags.count('--limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
    ...readOut(flags),
    features: readNames(flags),
    labelDelayMs: readDelayMs(flags),
    judgedShare: (flags.count('--judge', 1, 90) ?? 20) / 100,
    backend: readBackend(flags),
    fit: {
      ...fitDefaults,
      hidden: readLayers(flags) ?? fitDefaults.hidden,
      epochsMax: flags.count('--epochs', 1, 1000) ?? fitDefaults.epochsMax,
      fraudWeight: flags.count('--fraud-weight', 1, 10_000) ?? fitDefaults.fraudWeight,
      seed: flags.count('--fit-seed', 0, 2 ** 31 - 1) ?? fitDefaults.seed,
    },
  }),
  next: ({ folder }) => `weir replay --model ${folder}    and compare with the model you have`,
}

/** Trains, writes the folder, and opens it through the gate that will admit it. 1 where a baseline is not beaten, or it was stopped. */
export const runTrain: Run<TrainOptions> = async (options, context) => {
  const isGenerated = options.input.kind === 'generator'
  const tensorflow = await openBackend(options.backend, context)
  const assembly = await openAssembly(context, isGenerated, 'without a model')
  tellAbsent(assembly, context)
  const inputs = chooseInputs(options.features, assembly)
  const history = await gather(options, assembly, context)
  if (context.stop.aborted) return 1
  const trained = await fit(tensorflow, history, assembly, inputs, options, context)
  if (trained === null) return 1
  const { folder, name, version } = options
  writeModelFolder(folder, {
    name,
    version,
    ...describe(options, context),
    backend: tensorflow.backend,
    history,
    trained,
    features: assembly.catalog.features,
    judgedTable: history.judgedTable,
    judged: history.judged,
  })
  const definitions = new Map(assembly.catalog.features.map((one) => [one.name, one.definition]))
  await (await openModel(folder, definitions, parseDocument)).close()
  context.stdout.write(summary(folder, trained))
  return unbeaten(trained).length === 0 ? 0 : 1
}

async function openBackend(choice: BackendChoice, { stderr }: Context): Promise<Tensorflow> {
  try {
    const tensorflow = await openTensorflow(choice)
    const why = tensorflow.declined === null ? '' : ` (native: ${tensorflow.declined})`
    stderr.write(`weir train: TensorFlow.js on ${tensorflow.backend}${why}\n`)
    return tensorflow
  } catch (cause) {
    throw new EngineError(
      'usage',
      `option --backend: expected one that loads, found ${choice}: ${reasonOf(cause)}`,
      { cause },
    )
  }
}

/** Columns of the inputs: those asked for, or all that the mapping can fill. */
function chooseInputs(names: readonly string[] | null, { plan }: Assembly): number[] {
  const known = plan.features.map(({ name }) => name)
  const absent = new Set(plan.absent)
  if (names === null) {
    return known.flatMap((name, column) => (absent.has(name) ? [] : [column]))
  }
  const faults = names.flatMap((name) => {
    const expected = 'option --features: expected a feature of the catalog'
    if (!known.includes(name)) {
      const near = closest(name, known)
      return [`${expected}, found ${show(name)}${near === null ? '' : ` (did you mean ${near}?)`}`]
    }
    return absent.has(name) ? [`${expected} that the mapping fills, found ${show(name)}`] : []
  })
  if (faults.length > 0) throw new EngineError('usage', faults.join('\n'))
  return names.map((name) => known.indexOf(name))
}

/** The generator is judged on a later period of its own, everything else on its end. */
async function gather(
  { input, messagesMax, labelDelayMs, judgedShare }: TrainOptions,
  assembly: Assembly,
  context: Context,
): Promise<History> {
  const windowMsMax = Math.max(...assembly.plan.features.map(({ windowMs }) => windowMs))
  const table = await readHistory(input, assembly, messagesMax, context)
  const split = (share: number): Split =>
    splitHistory(table, {
      warmUpMs: warmUpMsOf(table, windowMsMax, 0.25),
      labelDelayMs,
      judgedShare: share,
    })
  if (input.kind !== 'generator' || context.stop.aborted) {
    const parts = split(judgedShare)
    return { table, split: parts, judgedTable: table, judged: parts.judged }
  }
  const judgedTable: RowTable = await readEvaluation(assembly, messagesMax, context)
  const judged = judgedRows(judgedTable, warmUpMsOf(judgedTable, windowMsMax, 0.5))
  return { table, split: split(0), judgedTable, judged }
}

/** Null when it was stopped. */
async function fit(
  tensorflow: Tensorflow,
  history: History,
  { catalog }: Assembly,
  inputs: readonly number[],
  options: TrainOptions,
  { stderr, clock, stop }: Context,
): Promise<Trained | null> {
  const rows = history.split.train.length
  stderr.write(
    `weir train: ${rows} rows to train on, ${history.split.validation.length} to stop by, ${history.judged.length} to judge by\n`,
  )
  let beganUs = clock.monotonicUs()
  try {
    return await train(tensorflow, history, catalog.features, inputs, options.fit, {
      stop,
      epoch: (what, { number, loss, averagePrecision }) => {
        const nowUs = clock.monotonicUs()
        const perSecond = Math.round((rows * 1e6) / (nowUs - beganUs))
        beganUs = nowUs
        stderr.write(
          `${what}: epoch ${number}, loss ${loss.toFixed(5)}, validation average precision ${averagePrecision.toFixed(4)}, ${perSecond.toLocaleString('en-US')} rows/s\n`,
        )
      },
      say: (text) => stderr.write(`weir train: ${text}\n`),
    })
  } catch (error) {
    if (stop.aborted) return null
    if (error instanceof TrainingError) {
      throw new EngineError('history_unfit', error.message, { cause: error })
    }
    throw error
  }
}

function summary(folder: string, trained: Trained): string {
  const line = (name: string, auc: number, precision: number, cards: number): string =>
    `  ${name.padEnd(34)} ${auc.toFixed(3)}  ${precision.toFixed(3)}  ${(cards * 100).toFixed(1)} %`
  const { model, baselines, thresholds } = trained
  const rivals = unbeaten(trained).map(({ name }) => name)
  return [
    `${'  '.padEnd(37)}AUC    avg. precision, card precision@100`,
    ...[model, ...baselines].map((one) =>
      line(one.name, one.auc, one.averagePrecision, one.cardPrecision.mean),
    ),
    `Thresholds: review from ${thresholds.review}, deny from ${thresholds.deny}`,
    ...(rivals.length === 0 ? [] : [`It does not beat ${rivals.join(', ')}: do not use it.`]),
    `Model: ${folder}, with its CARD.md`,
    '',
  ].join('\n')
}

/** Where the rows came from and how to have the same again, without the paths of this machine. */
function describe(
  { input, messagesMax, folder, features, labelDelayMs, judgedShare, fit }: TrainOptions,
  { loaded }: Context,
): { source: string; isGenerated: boolean; judgedSource: string; command: string } {
  const { source, catalog } = loaded.config
  const percent = Math.round(judgedShare * 100)
  const parts = ['weir train']
  const say = (flag: string, value: string | number | null, isDefault = false): void => {
    if (value !== null && !isDefault) parts.push(`${flag} ${value}`)
  }
  const isGenerated = input.kind === 'generator'
  const place =
    input.kind === 'file'
      ? basename(input.file)
      : isGenerated
        ? 'generator'
        : `kafka:${input.topic}`
  say('--input', place)
  say('--map', source === null ? null : basename(source))
  say('--catalog', catalog.map((file) => basename(file)).join(',') || null)
  say('--limit', messagesMax, messagesMax === Number.POSITIVE_INFINITY)
  if (isGenerated) say('--seed', input.seed, input.seed === 1)
  say('--features', features === null ? null : features.join(','))
  say('--label-delay', labelDelayMs === null ? null : `${labelDelayMs}ms`)
  say('--judge', percent, isGenerated || percent === 20)
  say('--layers', fit.hidden.join(','), String(fit.hidden) === String(fitDefaults.hidden))
  say('--epochs', fit.epochsMax, fit.epochsMax === fitDefaults.epochsMax)
  say('--fraud-weight', fit.fraudWeight, fit.fraudWeight === fitDefaults.fraudWeight)
  say('--fit-seed', fit.seed, fit.seed === fitDefaults.seed)
  say('--out', basename(folder))
  return {
    isGenerated,
    source: isGenerated
      ? `Generated transactions (\`features/generator\`, default parameters, seed ${input.seed})`
      : `\`${place}\``,
    judgedSource: isGenerated
      ? 'Generated transactions of a later period, another seed and fraudsters who work otherwise (evaluation parameters). Their truth is what was planted, reported or not:'
      : `The last ${percent} % of the time of \`${place}\`, by its labels:`,
    command: parts.join(' '),
  }
}

/** `--out models/cards-v2`: the model is called cards, version 2. */
function readOut(flags: Flags): { folder: string; name: string; version: number } {
  const text = flags.text('--out')
  const folder = resolve(flags.folder, text ?? '.')
  const match = /^([a-z][a-z0-9_]{0,47})-v([1-9]\d{0,5})$/.exec(basename(folder))
  if (text === null || match === null) {
    const found = text === null ? 'nothing' : show(text)
    flags.fault('--out', 'a folder <name>-v<version> such as cards-v1', found)
  }
  return { folder, name: match?.[1] ?? '', version: Number(match?.[2] ?? 0) }
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
