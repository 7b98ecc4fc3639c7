// The standard work that Weir and its peers are compared on: catalog, mapping, model and transactions, written to a folder.
// As a script: node dist/bench/standard/standard.js FOLDER [TRANSACTIONS] [CHECK EVERY]
import { once } from 'node:events'
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { readDocument } from '../../engine/document.ts'
import { compileCatalogs } from '../../features/catalogs.ts'
import type { Random } from '../../features/generator/random.ts'
import type { GraphSource } from '../../models/graph/graph.ts'
import { treesGraph, writeFolder } from '../model-folders.ts'
import { StandardOracle } from './oracle.ts'
import {
  entityKinds,
  featureNames,
  type StandardOptions,
  standardOptions,
  standardTransactions,
  windows,
} from './transactions.ts'

export const trees = 100
export const depth = 6

/** Paths of what was written. */
export interface StandardWork {
  readonly catalog: string
  readonly mapping: string
  /** A folder that the admission gate takes: 100 trees of depth 6 over the forty features. */
  readonly model: string
}

/** Writes catalog.yaml, mapping.yaml and model/. */
export async function writeStandard(
  folder: string,
  options: StandardOptions = standardOptions,
): Promise<StandardWork> {
  mkdirSync(folder, { recursive: true })
  const catalog = join(folder, 'catalog.yaml')
  const mapping = join(folder, 'mapping.yaml')
  const model = join(folder, 'model')
  writeFileSync(catalog, catalogText())
  writeFileSync(mapping, mappingText)
  const { features } = compileCatalogs([readDocument(catalog)])
  const definitions = new Map(features.map(({ name, definition }) => [name, definition]))
  const draw = around(options)
  await writeFolder(model, 'standard', standardGraph(options), 1, { definitions, draw })
  return { catalog, mapping, model }
}

/** Its first node has the trees, each full: inner nodes by level, then leaves. */
export function standardGraph(options: StandardOptions = standardOptions): GraphSource {
  return treesGraph(trees, depth, around(options))
}

/** `transactions.jsonl`, and in `expected.jsonl` the features of every `checkEvery`th: `{ index, id, features }`. */
export async function writeTransactions(
  folder: string,
  count: number,
  checkEvery: number,
  options: StandardOptions = standardOptions,
): Promise<void> {
  const transactions = createWriteStream(join(folder, 'transactions.jsonl'))
  const expected = createWriteStream(join(folder, 'expected.jsonl'))
  const oracle = new StandardOracle()
  let index = 0
  for (const transaction of standardTransactions(options)) {
    if (index === count) break
    if (!transactions.write(`${transaction.json}\n`)) {
      await once(transactions, 'drain')
    }
    if (index % checkEvery === 0) {
      const { id } = transaction
      expected.write(`${JSON.stringify({ index, id, features: oracle.features(transaction) })}\n`)
    }
    oracle.add(transaction)
    index++
  }
  for (const file of [transactions, expected]) {
    file.end()
    await finished(file)
  }
}

function catalogText(): string {
  const features = entityKinds.flatMap((entity) =>
    windows.flatMap(({ name: window }) => [
      `  - { name: ${entity}_count_${window}, entity: ${entity}, aggregate: count, window: ${window} }\n`,
      `  - { name: ${entity}_sum_${window}, entity: ${entity}, aggregate: sum, of: amount, window: ${window} }\n`,
    ]),
  )
  return `features:\n${features.join('')}`
}

const mappingText = `format: json
id: transaction_id
time: { field: time_ms, as: epoch_ms }
amount: { field: amount, decimals: 2 }
currency: { const: EUR }
primary: card
entities: { ${entityKinds.map((kind) => `${kind}: ${kind}`).join(', ')} }
`

/** Draws that lie about where a feature's values do, so that trees are walked along many paths. */
function around({
  stepMs,
  population,
}: StandardOptions): (random: Random, input: number) => number {
  return (random, input) => {
    const { count } = population[Math.floor(input / (2 * windows.length))]!
    const { ms } = windows[Math.floor(input / 2) % windows.length]!
    const typical = 1 + ms / stepMs / count
    const isSum = input % 2 === 1
    return Math.floor(random.lognormal(typical, 1) * (isSum ? 4000 : 1)) + 0.5
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = process.argv[2]
  if (folder === undefined) {
    process.stderr.write('usage: standard.js FOLDER [TRANSACTIONS] [CHECK EVERY]\n')
    process.exit(2)
  }
  await writeStandard(folder)
  await writeTransactions(
    folder,
    Number(process.argv[3] ?? '200000'),
    Number(process.argv[4] ?? '50'),
  )
  process.stdout.write(`${featureNames.length} features, ${folder}\n`)
}
