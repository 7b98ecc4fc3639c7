// Whether costs are linear: what `weir capacity` takes for granted when it multiplies.
import type { Variant } from '../variant.ts'

const work = 'The standard work (four entities, forty features). '

export const capacityVariants: readonly Variant[] = [
  {
    name: 'capacity/engines',
    script: 'capacity/engines',
    args: ['120000', '80000'],
    quick: ['6000', '3000'],
    needs: ['redis', 'kafka'],
    about: `${work}1, 2 and 4 processes of weir stream in one consumer group share a backlog of four partitions; CPU of all of them a decision, from the 80,000th on, each size with a new Redis. On a machine of few cores more engines decide no faster: what is shown is whether they cost more. Leaves out what only several machines would show: the network between them, and caches that nobody shares.`,
  },
  {
    name: 'capacity/shards',
    script: 'capacity/shards',
    args: ['64', '64', '20000', '19200'],
    quick: ['64', '64', '2000', '1920'],
    needs: ['redis'],
    about: `${work}One engine observes and folds in batches of 64 on one Redis with one bucket, and on clusters of 1, 2 and 4 masters with 64 buckets, in slices in turn; CPU of the engine’s process and of all masters a decision. Rows must be the same everywhere. Leaves out Kafka, replicas, and the network between machines.`,
  },
]
