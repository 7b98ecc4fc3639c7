// The memory store under the fold, against the naive twin.
import { MemoryStore } from './memory.ts'
import { windowsSuite } from './windows.contract.ts'

windowsSuite(
  'memory',
  (plan) => Promise.resolve(new MemoryStore(plan, { bytesMax: 2 ** 30 })),
  4,
  10_000_000,
  1000,
)
