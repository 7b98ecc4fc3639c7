// `weir train`: history → a model folder that this engine can score with. It writes that folder and nothing else.
import { closest, show } from '../../features/document.ts'
import { openModel } from '../../models/open.ts'
import { AutoencoderLearner } from '../../models/train/autoencoder.ts'
import { type Comparison, comparisonTable } from '../../models/train/comparison.ts'
import { type Learner, scoreRows } from '../../models/train/fitted.ts'
import { writeModelFolder } from '../../models/train/model-folder.ts'
import { NetworkLearner } from '../../models/train/network-learner.ts'
import {
  type BackendChoice,
  openTensorflow,
  reasonOf,
  type Tensorflow,
} from '../../models/train/tensorflow.ts'
import {
  checkJudged,
  type History,
  type Learners,
  type Trained,
  TrainingError,
  train,
  unbeaten,
} from '../../models/train/training.ts'
import { TreeLearner } from '../../models/train/trees/tree-learner.ts'
import type { Assembly } from '../assemble.ts'
import { parseDocument } from '../document.ts'
import { EngineError } from '../errors.ts'
import type { CommandLine, Context, Run } from './command.ts'
import { openAssembly, tellAbsent } from './open.ts'
import { Rivals } from './rivals.ts'
import { readHistory, readJudged } from './training-history.ts'
import {
  describe,
  type Method,
  type ModelPlace,
  networkDefaults,
  readTrainOptions,
  type TrainOptions,
  trainFlags,
} from './training-options.ts'

export const trainLine: CommandLine<TrainOptions> = {
  name: 'train',
  summary: 'history → a model folder, with a card that says how good it is',
  details:
    'Computes the features of a file, a range of a topic or generated transactions as the engine would have at each of them, ' +
    'fits boosted trees, a network or, without labels, an autoencoder on the rows, judges it on a later period beside baselines and ' +
    'other models, and writes model.onnx, manifest.json, golden.json and CARD.md. The same history and options give the same bytes.',
  flags: trainFlags,
  examples: [
    'weir train --input history.csv --map mapping.yaml --out models/cards-v1',
    'weir train --input history.csv --map mapping.yaml --compare models/cards-v1 --out models/cards-v2',
    'weir train --input history.csv --map mapping.yaml --fit none --compare models/cards-v1,models/cards-v2',
    'weir train --input kafka:transactions --map mapping.yaml --label-delay 30d --out cards-v2',
    'weir train --input generator --limit 200000 --out trial-v1',
  ],
  parse: readTrainOptions,
  next: ({ model }) =>
    model === null
      ? null
      : `weir replay --model ${model.place.folder}    and compare with the model you have`,
}

/** Trains, writes the folder, and opens it through the gate that will admit it. 1 where a baseline is not beaten, or it was stopped. */
export const runTrain: Run<TrainOptions> = async (options, context) => {
  const { input, model } = options
  const tensorflow = model === null ? null : await openBackend(options.backend, context)
  const assembly = await openAssembly(context, input.kind === 'generator', 'without a model')
  const rivals = await Rivals.open(options.compare, assembly)
  try {
    tellAbsent(assembly, context)
    return model === null || tensorflow === null
      ? await compareAlone(options, assembly, rivals, context)
      : await trainModel(model, tensorflow, options, assembly, rivals, context)
  } finally {
    await rivals.close()
  }
}

type Asked = NonNullable<TrainOptions['model']>

async function trainModel(
  { place, method }: Asked,
  tensorflow: Tensorflow,
  options: TrainOptions,
  assembly: Assembly,
  rivals: Rivals,
  context: Context,
): Promise<number> {
  const { features } = assembly.catalog
  const columns = chooseInputs(options.features, assembly)
  const learners = {
    model: learnerOf(method, tensorflow),
    logistic: logisticOf(method, tensorflow),
  }
  const history = await readHistory(options, learners.model.needsLabels, assembly, context)
  if (context.stop.aborted) return 1
  const trained = await fit(learners, history, assembly, columns, context)
  if (trained === null) return 1
  const comparison =
    'missing' in trained.judgement
      ? null
      : await rivals.compare(history, {
          name: `${place.name} ${place.version}, this one`,
          scores: scoreRows(trained.fitted, history.judgedTable, history.judged),
          isProbability: trained.fitted.output.kind === 'probability',
        })
  writeModelFolder(place.folder, {
    name: place.name,
    version: place.version,
    ...describe(options, place, context.loaded),
    backend: tensorflow.backend,
    history,
    trained,
    comparison,
    features,
  })
  const definitions = new Map(features.map((one) => [one.name, one.definition]))
  await (await openModel(place.folder, definitions, parseDocument)).close()
  context.stdout.write(summary(place, trained, comparison))
  return unbeaten(trained).length === 0 ? 0 : 1
}

/** Other models on the rows that one would be judged by. */
async function compareAlone(
  options: TrainOptions,
  assembly: Assembly,
  rivals: Rivals,
  context: Context,
): Promise<number> {
  const history = await readJudged(options, assembly, context)
  if (context.stop.aborted) return 1
  const missing = checkJudged(history)
  if (missing !== null) throw new EngineError('history_unfit', missing)
  const comparison = await rivals.compare(history, null)
  context.stdout.write(`${comparisonTable(comparison!).text.join('\n')}\n`)
  return 0
}

function learnerOf(method: Method, tensorflow: Tensorflow): Learner {
  switch (method.kind) {
    case 'network':
      return new NetworkLearner(tensorflow, 'network', method.fit)
    case 'trees':
      return new TreeLearner(method.fit)
    case 'autoencoder':
      return new AutoencoderLearner(tensorflow, method.fit)
  }
}

function logisticOf(method: Method, tensorflow: Tensorflow): Learner {
  return NetworkLearner.logistic(
    tensorflow,
    method.kind === 'network' ? method.fit : networkDefaults,
  )
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

/** Null when it was stopped. */
async function fit(
  learners: Learners,
  history: History,
  { catalog }: Assembly,
  columns: readonly number[],
  { stderr, clock, stop }: Context,
): Promise<Trained | null> {
  const rows = history.split.train.length
  stderr.write(
    `weir train: ${rows} rows to train on, ${history.split.validation.length} to stop by, ${history.judged.length} to judge by\n`,
  )
  let beganUs = clock.monotonicUs()
  try {
    return await train(learners, history, catalog.features, columns, {
      stop,
      progress: ({ step, loss, validation, passes }) => {
        const nowUs = clock.monotonicUs()
        const perSecond = Math.round((passes * rows * 1e6) / (nowUs - beganUs))
        beganUs = nowUs
        stderr.write(
          `${step}, loss ${loss.toFixed(5)}, validation ${validation}, ${perSecond.toLocaleString('en-US')} rows/s\n`,
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

function summary({ folder }: ModelPlace, trained: Trained, comparison: Comparison | null): string {
  const line = (name: string, auc: number, precision: number, cards: number): string =>
    `  ${name.padEnd(34)} ${auc.toFixed(3)}  ${precision.toFixed(3)}  ${(cards * 100).toFixed(1)} %`
  const { judgement, thresholds } = trained
  const rivals = unbeaten(trained).map(({ name }) => name)
  return [
    ...('missing' in judgement
      ? [`Not judged: ${judgement.missing}`]
      : [
          `${'  '.padEnd(37)}AUC    avg. precision, card precision@100`,
          ...[judgement.model, ...judgement.baselines].map((one) =>
            line(one.name, one.auc, one.averagePrecision, one.cardPrecision.mean),
          ),
        ]),
    `Thresholds: review from ${thresholds.review}, deny from ${thresholds.deny}`,
    ...(comparison === null ? [] : ['', ...comparisonTable(comparison).text, '']),
    ...(rivals.length === 0 ? [] : [`It does not beat ${rivals.join(', ')}: do not use it.`]),
    `Model: ${folder}, with its CARD.md`,
    '',
  ].join('\n')
}
