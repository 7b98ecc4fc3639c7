// What habits and frauds act in: the people, the merchants, and what is due.
import type { Due } from './draft.ts'
import type { Habits } from './habits.ts'
import type { Market } from './market.ts'
import type { GeneratorParameters } from './parameters.ts'
import type { Population } from './population.ts'
import type { Random } from './random.ts'
import type { TimeHeap } from './time-heap.ts'

export interface Scene {
  readonly parameters: GeneratorParameters
  readonly population: Population
  readonly market: Market
  readonly habits: Habits
  readonly agenda: TimeHeap<Due>
  /** Fraud's own chance: the honest transactions are the same with and without fraud. */
  readonly random: Random
}
