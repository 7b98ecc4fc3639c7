// The store in memory: the contract of all stores, and what only it promises.

import type { JournalPlans } from '../journal.ts'
import { MemoryStore } from './memory.ts'
import { storeContract } from './store.contract.ts'

storeContract('memory store', () => {
  const stores = new Map<JournalPlans, MemoryStore>()
  return Promise.resolve({
    open: (plans) => {
      const store = stores.get(plans) ?? new MemoryStore(plans, { bytesMax: 64 << 20 })
      stores.set(plans, store)
      return Promise.resolve(store)
    },
    close: () => Promise.resolve(),
  })
})
