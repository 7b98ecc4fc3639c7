// All variants, in the order of RESULTS.md. A variant belongs to the benchmark before the slash of its name.
import { capacityVariants } from './capacity/variants.ts'
import { ledgerVariants } from './ledger/variants.ts'
import { loadVariants } from './load/variants.ts'
import { rivals } from './peers/rivals.ts'
import { peerVariants } from './peers/variants.ts'
import type { Variant } from './variant.ts'

export const suite: readonly Variant[] = [
  {
    name: 'micro',
    script: 'variants/micro',
    args: [],
    needs: [],
    about:
      'Stages alone, µs per transaction over the same 64 generated transactions after 100,000 of history: default catalog, shipped model. ' +
      'Warm caches flatter all of them; a duplicate is never among them.',
  },
  {
    name: 'pipeline',
    script: 'variants/pipeline',
    args: ['memory', '64', '100000', '200000'],
    quick: ['memory', '64', '5000', '5000'],
    needs: [],
    about:
      'One process, memory store, decision batches of 64, JSON in, decision text out. Leaves out Kafka and Redis; counts garbage collection and the ONNX runtime.',
  },
  {
    name: 'store/batches-of-16',
    script: 'variants/pipeline',
    args: ['redis', '16', '60000', '60000'],
    quick: ['redis', '16', '5000', '5000'],
    needs: ['redis'],
    about:
      'As above against a real Redis on loopback, one bucket, decision batches of 16. No Kafka, so no send batches. The Redis figure is its whole process.',
  },
  {
    name: 'store/batches-of-64',
    script: 'variants/pipeline',
    args: ['redis', '64', '60000', '60000'],
    quick: ['redis', '64', '5000', '5000'],
    needs: ['redis'],
    about: 'The same with decision batches of 64.',
  },
  {
    name: 'store/windows-held',
    script: 'variants/windows',
    args: ['stages', String(2 ** 30)],
    needs: ['redis'],
    about:
      'Observing and folding alone, four entities and 51 features of the generator’s mix, 16 transactions a call, a real Redis on loopback; 60,000 after 100,000 of history. CPU of the process around each stage, so the caches are as cold as between other work. Redis’ memory is that of its data set by all transactions.',
  },
  {
    name: 'store/windows-cold',
    script: 'variants/windows',
    args: ['stages', String(2 ** 20)],
    needs: ['redis'],
    about:
      'The same with the least memory for held journals: nearly every journal comes back whole.',
  },
  {
    name: 'windows/growth',
    script: 'variants/windows',
    args: ['growth'],
    needs: [],
    about:
      'Twenty features over two entities in windows of one hour and of thirty days, the same traffic, every journal and every hour of it beyond its exact tail; in memory, observing and folding.',
  },
  {
    name: 'hot-key/share',
    script: 'variants/windows',
    args: ['hot'],
    needs: [],
    about:
      'The generator’s mix, and the same with three of ten transactions at one merchant; in memory, observing and folding, default catalog, 50,000 after 150,000.',
  },
  {
    name: 'hot-key/million',
    script: 'variants/windows',
    args: ['million'],
    needs: ['redis'],
    about:
      'One merchant and 20,000 cards on Redis, calls of 64, windows of thirty days: what a transaction costs over 5,000 of them and what the journal takes in Redis, at 10,000, 100,000 and 1,000,000 records.',
    rounds: 1,
  },
  {
    name: 'training/network',
    script: 'variants/train',
    args: ['wasm'],
    needs: [],
    about:
      'weir train’s fit alone: a network 40-64-32-1 on batches of 1,024 rows in TensorFlow.js on WASM, with scaling, shuffling and gathering of rows. Leaves out reading history and validation.',
  },
  {
    name: 'training/trees',
    script: 'variants/train',
    args: ['trees'],
    needs: [],
    about:
      'The same rows and boosted trees of 31 leaves, one thread: a row counts once for each tree. Leaves out reading history, binning and validation.',
  },
  {
    name: 'models',
    script: 'variants/models',
    args: [],
    needs: [],
    about:
      'A row alone and in a batch of 16, the reasons of a row, and opening a model that has passed its trial; random weights, 40 inputs, one thread, warm, medians of tinybench, µs a row. Trees on our walker and on ONNX Runtime (up to the margin). Reasons: along paths for trees, else 41 rows scored with one input each at its baseline.',
  },
  {
    name: 'swap/under-load',
    script: 'variants/swap',
    args: ['600', '60', '300', '10'],
    quick: ['200', '5', '10', '5'],
    needs: ['redis', 'two cores'],
    about:
      'weir serve on a real Redis, 600 calls a second, Poisson arrivals, deadline 20 ms: a minute with one model, then five with another one every 10 s through the admin listener, in turn a network 40-32-16-1, 100 trees of depth 6, a network 40-700-700-1 (2 MB) and 500 trees of depth 8 (10 MB); each goes through the whole gate in a thread meanwhile. The generator, Redis, the engine and the gate share the two cores. A swap’s ms are from the request to its confirmation. Held journals and answers are kept small (32 and 8 MiB), so that memory is that of models.',
    rounds: 1,
  },
  {
    name: 'swap/five-hundred',
    script: 'variants/swaps',
    args: ['500'],
    quick: ['10'],
    needs: [],
    about:
      'One process, three models in turn (two networks, 100 trees), each through the whole gate in a thread, 64 transactions decided between two changes; resident memory after a collection.',
    rounds: 1,
  },
  {
    name: 'replay',
    script: 'variants/replay',
    args: ['1000000'],
    quick: ['50000'],
    needs: [],
    about:
      'weir replay of a generated CSV file, a catalog of twelve features over two entities, no model and no decisions out: reading, parsing, windows. Starting the process counts.',
  },
  {
    name: 'stream/backlog',
    script: 'variants/stream',
    args: ['1500000', '500000', '256MiB'],
    quick: ['30000', '10000', '256MiB'],
    needs: ['redis', 'kafka'],
    about:
      'weir stream on a real broker (four partitions, one node) and a real Redis, catching up on a topic filled before: batches of 256, sends of what gathered meanwhile. From the 500,000th outcome on. The broker and the fetching of it share the two cores. Memory still grows towards the bound of held journals, 256 MiB.',
    rounds: 1,
  },
  {
    name: 'stream/backlog-little-held',
    script: 'variants/stream',
    args: ['1500000', '600000', '128MiB'],
    quick: ['30000', '10000', '128MiB'],
    needs: ['redis', 'kafka'],
    about:
      'The same with at most 128 MiB of held journals, which are full before the measuring begins: whether anything else grows. More is read from Redis.',
    rounds: 1,
  },
  ...rivals,
  ...peerVariants,
  ...capacityVariants,
  ...loadVariants,
  ...ledgerVariants,
]
