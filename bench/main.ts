// `npm run bench [name…]`: runs the variants, all or some, puts them into bench/results/latest.json, and writes RESULTS.md from it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeMachine, nodeFlags, runRounds, type Variant } from './harness.ts'
import { formatResults, type Results } from './report.ts'

const script = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url))

const variants: readonly Variant[] = [
  {
    name: 'micro',
    script: script('micro'),
    args: [],
    about:
      'Stages alone, µs per transaction over the same 64 generated transactions after 100,000 of history: default catalog, shipped model. ' +
      'Warm caches flatter all of them; a duplicate is never among them.',
  },
  {
    name: 'pipeline in process',
    script: script('pipeline'),
    args: ['memory', '64', '100000', '200000'],
    about:
      'One process, memory store, decision batches of 64, JSON in, decision text out. Leaves out Kafka and Redis; counts garbage collection and the ONNX runtime.',
  },
  {
    name: 'pipeline on Redis, batches of 16',
    script: script('pipeline'),
    args: ['redis', '16', '60000', '60000'],
    about:
      'As above against a real Redis on loopback, one bucket, decision batches of 16. No Kafka, so no send batches. The Redis figure is its whole process.',
  },
  {
    name: 'pipeline on Redis, batches of 64',
    script: script('pipeline'),
    args: ['redis', '64', '60000', '60000'],
    about: 'The same with decision batches of 64.',
  },
  {
    name: 'windows on Redis, journals held',
    script: script('windows'),
    args: ['stages', String(2 ** 30)],
    about:
      'Observing and folding alone, four entities and 51 features of the generator’s mix, 16 transactions a call, a real Redis on loopback; 60,000 after 100,000 of history. CPU of the process around each stage, so the caches are as cold as between other work. Redis’ memory is that of its data set by all transactions.',
  },
  {
    name: 'windows on Redis, hardly any held',
    script: script('windows'),
    args: ['stages', String(2 ** 20)],
    about:
      'The same with the least memory for held journals: nearly every journal comes back whole.',
  },
  {
    name: 'windows that grow',
    script: script('windows'),
    args: ['growth'],
    about:
      'Twenty features over two entities in windows of one hour and of thirty days, the same traffic, every journal and every hour of it beyond its exact tail; in memory, observing and folding.',
  },
  {
    name: 'one merchant with 30 % of the traffic',
    script: script('windows'),
    args: ['hot'],
    about:
      'The generator’s mix, and the same with three of ten transactions at one merchant; in memory, observing and folding, default catalog, 50,000 after 150,000.',
  },
  {
    name: 'one merchant with a million records',
    script: script('windows'),
    args: ['million'],
    about:
      'One merchant and 20,000 cards on Redis, calls of 64, windows of thirty days: what a transaction costs over 5,000 of them and what the journal takes in Redis, at 10,000, 100,000 and 1,000,000 records.',
    rounds: 1,
  },
  {
    name: 'sidecar',
    script: script('sidecar'),
    args: ['20000', '5000', '400'],
    about:
      'weir serve on a real Redis, on TCP and on a Unix socket, beside a node:http server that only reads and writes as many bytes: 5,000 calls each, Poisson arrivals at 400 a second, after 20,000 of history; from due to the end of the reply, so the client is in all of it. The generator spins for the millisecond before each call.',
  },
  {
    name: 'training',
    script: script('train'),
    args: ['wasm'],
    about:
      'weir train’s fit alone: a network 40-64-32-1 on batches of 1,024 rows in TensorFlow.js on WASM, with scaling, shuffling and gathering of rows. Leaves out reading history and validation.',
  },
  {
    name: 'training trees',
    script: script('train'),
    args: ['trees'],
    about:
      'The same rows and boosted trees of 31 leaves, one thread: a row counts once for each tree. Leaves out reading history, binning and validation.',
  },
  {
    name: 'models by kind and size',
    script: script('models'),
    args: [],
    about:
      'A row alone and in a batch of 16, the reasons of a row, and opening a model that has passed its trial; random weights, 40 inputs, one thread, warm, medians of tinybench, µs a row. Trees on our walker and on ONNX Runtime (up to the margin). Reasons: along paths for trees, else 41 rows scored with one input each at its baseline.',
  },
  {
    name: 'models that change under load',
    script: script('swap'),
    args: ['600', '60', '300', '10'],
    about:
      'weir serve on a real Redis, 600 calls a second, Poisson arrivals, deadline 20 ms: a minute with one model, then five with another one every 10 s through the admin listener, in turn a network 40-32-16-1, 100 trees of depth 6, a network 40-700-700-1 (2 MB) and 500 trees of depth 8 (10 MB); each goes through the whole gate in a thread meanwhile. The generator, Redis, the engine and the gate share the two cores. A swap’s ms are from the request to its confirmation. Held journals and answers are kept small (32 and 8 MiB), so that memory is that of models.',
    rounds: 1,
  },
  {
    name: 'five hundred changes of models',
    script: script('swaps'),
    args: ['500'],
    about:
      'One process, three models in turn (two networks, 100 trees), each through the whole gate in a thread, 64 transactions decided between two changes; resident memory after a collection.',
    rounds: 1,
  },
  {
    name: 'replay, twelve features',
    script: script('replay'),
    args: ['1000000'],
    about:
      'weir replay of a generated CSV file, a catalog of twelve features over two entities, no model and no decisions out: reading, parsing, windows. Starting the process counts.',
  },
  {
    name: 'stream',
    script: script('stream'),
    args: ['1500000', '500000', '256MiB'],
    about:
      'weir stream on a real broker (four partitions, one node) and a real Redis, catching up on a topic filled before: batches of 256, sends of what gathered meanwhile. From the 500,000th outcome on. The broker and the fetching of it share the two cores. Memory still grows towards the bound of held journals, 256 MiB.',
    rounds: 1,
  },
  {
    name: 'stream, little held',
    script: script('stream'),
    args: ['1500000', '600000', '128MiB'],
    about:
      'The same with at most 128 MiB of held journals, which are full before the measuring begins: whether anything else grows. More is read from Redis.',
    rounds: 1,
  },
]

const wanted = process.argv.slice(2)
const chosen = variants.filter(
  ({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)),
)
if (chosen.length === 0) {
  process.stderr.write(`no benchmark has such a name; there are: ${names(variants)}\n`)
  process.exit(2)
}
const rounds = 3
const folder = fileURLToPath(import.meta.resolve('#root/bench'))
const file = `${folder}/results/latest.json`
const machine = describeMachine()
const measured = await runRounds(chosen, rounds, (text) => process.stderr.write(`${text}\n`))
const own = { machine, flags: nodeFlags, rounds, variants: measured }
const all = merged(own)
if (all !== null) {
  mkdirSync(`${folder}/results`, { recursive: true })
  writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`)
  writeFileSync(`${folder}/RESULTS.md`, formatResults(all))
}
process.stdout.write(formatResults(own))

/** With what is there of the other variants; null where that was measured on another machine, and a part was asked for. */
function merged(results: Results): Results | null {
  if (wanted.length === 0 || !existsSync(file)) return results
  const before = JSON.parse(readFileSync(file, 'utf8')) as Results
  if (JSON.stringify(before.machine) !== JSON.stringify(machine)) {
    process.stderr.write('not kept: the other results are of another machine; run all of them\n')
    return null
  }
  const known = [...results.variants, ...before.variants]
  return {
    ...results,
    variants: variants.flatMap(({ name }) => known.find((one) => one.name === name) ?? []),
  }
}

function names(list: readonly Variant[]): string {
  return list.map(({ name }) => name).join(', ')
}
