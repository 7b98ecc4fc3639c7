// What is sent: transactions with their keys, in order of arrival, as many as are asked for. Made before they are due.
import { partitionerOf } from '../../engine/stream/kafka.ts'
import {
  atRate,
  defaultParameters,
  generate,
  writeRow,
} from '../../features/generator/generator.ts'
import { standardTransactions } from '../standard/transactions.ts'

/** `default`: the generator's, the first `history` of them as many as its longest window holds. `standard`: the peers'. */
export type Traffic =
  | { readonly kind: 'default'; readonly history: number }
  | { readonly kind: 'standard' }

export interface Sendable {
  readonly partition: number
  readonly key: string
  readonly value: Buffer
}

/** The longest window of the default catalog. */
const longestWindowSeconds = 30 * 86_400
/** As online acquirers see it: a run of some seconds then has a burst or two of cards that are tried. */
const fraudShare = 0.01
const rowsMax = 100_000_000

/** Without end. */
export function* traffic(of: Traffic, partitions: number): Generator<Sendable, void> {
  const partitionOf = partitionerOf(partitions)
  for (const [key, text] of of.kind === 'default' ? generated(of.history) : standard()) {
    yield { partition: partitionOf(key), key, value: Buffer.from(text) }
  }
}

/** So many transactions fill thirty days; cards grow with them, and each lives as always. */
function* generated(history: number): Generator<[string, string], void> {
  const fraud = { ...defaultParameters.fraud, share: fraudShare }
  const parameters = atRate({ ...defaultParameters, fraud }, history / longestWindowSeconds)
  for (const { row } of generate({ ...parameters, rows: rowsMax })) yield [row.card, writeRow(row)]
}

function* standard(): Generator<[string, string], void> {
  for (const { entities, json } of standardTransactions()) yield [entities[0]!, json]
}
