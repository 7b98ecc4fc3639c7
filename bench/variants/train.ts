// One process: a fit of `weir train` on made-up rows. A network 40-64-32-1 in batches of 1,024, or boosted trees of 31 leaves; a
// pass over the rows is an epoch, or a tree. Usage: train.js wasm|native|trees. Prints one line of JSON.
import { systemClock } from '../../engine/clock.ts'
import { Random } from '../../features/generator/random.ts'
import { Transaction, Verdict } from '../../features/transaction.ts'
import { fitNetwork } from '../../models/train/fit.ts'
import { RowTable } from '../../models/train/row-table.ts'
import { fitScaling } from '../../models/train/scaling.ts'
import { type BackendChoice, openTensorflow } from '../../models/train/tensorflow.ts'
import { fitTrees } from '../../models/train/trees/boosting.ts'

const columns = 40
const rowCount = 200_000
const validationCount = 1024
const epochsMax = 4
const treesMax = 40

const table = makeTable()
const train = Int32Array.from({ length: rowCount }, (_, row) => row)
const validation = train.slice(0, validationCount)
const columnList = Array.from({ length: columns }, (_, column) => column)
const stop = new AbortController().signal
const passUs: number[] = []
const cpuUs: number[] = []
let beganUs = systemClock.monotonicUs()
let cpu = process.cpuUsage()

const [what = 'wasm'] = process.argv.slice(2)
if (what === 'trees') await fitSomeTrees()
else await fitSomeNetwork(what === 'native' ? 'native' : 'wasm')

// The first pass also compiles; before the first tree, features become bins.
const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length
process.stdout.write(
  `${JSON.stringify({
    rows_per_second: (rowCount * 1e6) / mean(passUs.slice(1)),
    cpu_us_per_row: mean(cpuUs.slice(1)) / rowCount,
    resident_mib: process.memoryUsage().rss / 2 ** 20,
  })}\n`,
)

function endPass(): void {
  const used = process.cpuUsage(cpu)
  passUs.push(systemClock.monotonicUs() - beganUs)
  cpuUs.push(used.user + used.system)
  beganUs = systemClock.monotonicUs()
  cpu = process.cpuUsage()
}

async function fitSomeNetwork(backend: BackendChoice): Promise<void> {
  const scales = fitScaling(table, train, columnList)
  const tensorflow = await openTensorflow(backend)
  const fit = { learningRate: 0.001, stepsPerHalving: 2500, fraudWeight: 1, seed: 1 }
  await fitNetwork(
    tensorflow,
    { table, scales, train, validation },
    { hidden: [64, 32], epochsMax, patience: epochsMax, batchRows: 1024, ...fit },
    { stop, epoch: endPass },
  )
}

async function fitSomeTrees(): Promise<void> {
  const growth = { leavesMax: 31, depthMax: 64, rowsMin: 100, hessianMin: 0.001, l2: 10 }
  const fit = { learningRate: 0.1, rowShare: 1, featureShare: 1, fraudWeight: 1, seed: 1 }
  await fitTrees(
    { table, columns: columnList, train, validation },
    { treesMax, patience: treesMax, ...growth, ...fit },
    { stop, round: endPass },
  )
}

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
