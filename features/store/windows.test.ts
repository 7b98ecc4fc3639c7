// The memory store under the fold, against the oracle.
import { MemoryStore } from './memory.ts'
import { windowsSuite } from './windows.contract.ts'

windowsSuite('memory', (plan) => Promise.resolve(new MemoryStore(plan, { bytesMax: 2 ** 30 })))
