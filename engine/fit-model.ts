// `npm run fit`: fits the shipped model on generated history and writes its folder. Training and judging use different
// seeds and different fraudsters; every figure on the card comes from this run.
import { fileURLToPath } from 'node:url'
import { compileCatalog } from '../features/catalog.ts'
import { defaultParameters, evaluationParameters } from '../features/generator/generator.ts'
import { compileMapping } from '../features/mapping.ts'
import { areaUnderRoc, atAlertShare, averagePrecision } from '../models/train/evaluate.ts'
import { forestScore, writeModelFolder } from '../models/train/export.ts'
import { makeRows, type Rows } from '../models/train/rows.ts'
import { type Forest, fitForest } from '../models/train/trees.ts'
import { shipped } from './assemble.ts'
import { readDocument } from './document.ts'

const warmUp = 60_000
const options = {
  trees: 100,
  depth: 4,
  learningRate: 0.1,
  leafHessianMin: 2,
  lambda: 1,
  fraudWeight: 1,
} as const
const reviewShare = 0.01
const denyShare = 0.002

const catalog = compileCatalog(readDocument(shipped.catalog))
const mapping = compileMapping(readDocument(shipped.mapping))
const say = (text: string): void => void process.stderr.write(`${text}\n`)

say('rows to train on …')
const train = await makeRows(catalog, mapping, { ...defaultParameters, rows: 360_000 }, warmUp)
say('rows to judge by …')
const judge = await makeRows(catalog, mapping, { ...evaluationParameters, rows: 260_000 }, warmUp)
say(`fitting ${options.trees} trees on ${train.count} rows …`)
const forest = fitForest(train, options)

const trainScores = scoresOf(forest, train)
const scores = scoresOf(forest, judge)
const amounts = columnOf(
  judge,
  catalog.features.findIndex(({ name }) => name === 'amount'),
)
const counts = columnOf(
  judge,
  catalog.features.findIndex(({ name }) => name === 'card_count_1h'),
)
const round = (value: number): number => Number(value.toFixed(4))
const thresholds = {
  review: round(atAlertShare(trainScores, train.isFraud, reviewShare).threshold),
  deny: round(atAlertShare(trainScores, train.isFraud, denyShare).threshold),
}
const review = atAlertShare(scores, judge.isFraud, reviewShare)
const deny = atAlertShare(scores, judge.isFraud, denyShare)
const frauds = (rows: Rows): number => rows.isFraud.reduce((sum, value) => sum + value, 0)
const training = {
  rows: train.count,
  frauds: frauds(train),
  seed: defaultParameters.seed,
  ...options,
  judged: {
    rows: judge.count,
    frauds: frauds(judge),
    seed: evaluationParameters.seed,
    auc: round(areaUnderRoc(scores, judge.isFraud)),
    averagePrecision: round(averagePrecision(scores, judge.isFraud)),
    recallAtReview: round(review.recall),
    precisionAtReview: round(review.precision),
    recallAtDeny: round(deny.recall),
    precisionAtDeny: round(deny.precision),
    amountAloneAveragePrecision: round(averagePrecision(amounts, judge.isFraud)),
    cardCountAloneAveragePrecision: round(averagePrecision(counts, judge.isFraud)),
  },
}
const folder = fileURLToPath(import.meta.resolve('#root/models/default-v1'))
const version = 1
writeModelFolder(folder, forest, catalog.features, train, judge, {
  name: 'default',
  version,
  thresholds,
  training,
  text: card(),
})
say(`${folder}: ${JSON.stringify(training.judged)}`)

function scoresOf(model: Forest, rows: Rows): Float64Array {
  return Float64Array.from({ length: rows.count }, (_, row) => forestScore(model, rows, row))
}

function columnOf({ count, columns, values }: Rows, column: number): Float64Array {
  return Float64Array.from({ length: count }, (_, row) => values[row * columns + column]!)
}

function card(): string {
  const { judged } = training
  return `# default, version ${version}

${options.trees} trees of depth ${options.depth}, fitted by \`npm run fit\` on ${train.count} generated transactions (${training.frauds} frauds, seed
${training.seed}, default parameters of \`features/generator\`, after ${warmUp} that only filled windows), through the engine's own parser,
store and fold. Written by this script; the same command gives the same bytes.

Judged on ${judged.rows} transactions of another seed (${judged.seed}) with other patterns of fraud (${judged.frauds} frauds):

| | |
|---|---:|
| AUC | ${judged.auc} |
| average precision | ${judged.averagePrecision} |
| average precision of the amount alone | ${judged.amountAloneAveragePrecision} |
| average precision of the card's count in an hour alone | ${judged.cardCountAloneAveragePrecision} |
| fraud caught when ${reviewShare * 100} % of transactions are looked at | ${(judged.recallAtReview * 100).toFixed(1)} % (precision ${(judged.precisionAtReview * 100).toFixed(1)} %) |
| fraud caught when ${denyShare * 100} % are denied | ${(judged.recallAtDeny * 100).toFixed(1)} % (precision ${(judged.precisionAtDeny * 100).toFixed(1)} %) |

Thresholds are the scores that ${reviewShare * 100} % (review) and ${denyShare * 100} % (deny) of the training rows reach: ${thresholds.review} and ${thresholds.deny}.

It learned from the planted truth of generated data, labels that no bank has so completely. It shows the path; it is not a model to
decide real payments with. Fit your own on your history.
`
}
