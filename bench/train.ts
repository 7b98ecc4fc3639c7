// One process: the fit of `weir train` on made-up rows, 40-64-32-1 in batches of 1,024. Usage: train.js wasm|native. Prints
// one line of JSON.
import { systemClock } from '../engine/clock.ts'
import { Random } from '../features/generator/random.ts'
import { Transaction, Verdict } from '../features/transaction.ts'
import { fitNetwork } from '../models/train/fit.ts'
import { RowTable } from '../models/train/row-table.ts'
import { fitScaling } from '../models/train/scaling.ts'
import { openTensorflow } from '../models/train/tensorflow.ts'

const columns = 40
const rowCount = 200_000
const validationCount = 1024
const epochsMax = 4

const table = makeTable()
const train = Int32Array.from({ length: rowCount }, (_, row) => row)
const validation = train.slice(0, validationCount)
const scales = fitScaling(
  table,
  train,
  Array.from({ length: columns }, (_, column) => column),
)
const tensorflow = await openTensorflow(process.argv[2] === 'native' ? 'native' : 'wasm')
const epochUs: number[] = []
let beganUs = systemClock.monotonicUs()
let cpu = process.cpuUsage()
const cpuUs: number[] = []
await fitNetwork(
  tensorflow,
  { table, scales, train, validation },
  {
    hidden: [64, 32],
    epochsMax,
    patience: epochsMax,
    batchRows: 1024,
    learningRate: 0.001,
    stepsPerHalving: 2500,
    fraudWeight: 1,
    seed: 1,
  },
  {
    stop: new AbortController().signal,
    epoch: () => {
      const nowUs = systemClock.monotonicUs()
      const used = process.cpuUsage(cpu)
      epochUs.push(nowUs - beganUs)
      cpuUs.push(used.user + used.system)
      beganUs = nowUs
      cpu = process.cpuUsage()
    },
  },
)
// The first epoch also compiles.
const warm = epochUs.slice(1)
const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length
process.stdout.write(
  `${JSON.stringify({
    rows_per_second: (rowCount * 1e6) / mean(warm),
    cpu_us_per_row: mean(cpuUs.slice(1)) / rowCount,
    resident_mib: process.memoryUsage().rss / 2 ** 20,
  })}\n`,
)

/** Amounts and counts with long tails, a tenth of them absent; one row in fifty is fraud. */
function makeTable(): RowTable {
  const random = Random.of(1, 'bench')
  const made = new RowTable(columns, 0, 2 ** 30)
  const transaction = new Transaction(1, 0)
  const values = new Float64Array(columns)
  for (let row = 0; row < rowCount; row++) {
    const isFraud = random.chance(0.02)
    transaction.verdict = isFraud ? Verdict.fraud : Verdict.legit
    transaction.timeMs = row
    for (let column = 0; column < columns; column++) {
      const isAbsent = random.chance(0.1)
      values[column] = isAbsent ? Number.NaN : random.lognormal(isFraud ? 30 : 20, 1.5)
    }
    made.add(transaction, values, 0)
  }
  return made
}
