// Exact tails as a catalog asks for them, in memory; and that a journal with the longest of them still has an index.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCatalog } from '../catalog.ts'
import { exactMax } from '../catalog-exact.ts'
import { Plan } from '../plan.ts'
import { everyFeature, everySchema } from '../testing/every-feature.ts'
import { exactSuite } from './exact.contract.ts'
import { Layouts, layoutShift } from './layouts.ts'
import { MemoryStore } from './memory.ts'

exactSuite('memory', (plan) => Promise.resolve(new MemoryStore(plan, { bytesMax: 2 ** 28 })))

/** Of a journal before it is compacted: three tails, and what a batch or two add while it is pinned. */
const heldRecords = 3 * exactMax + 1024

test('a held journal with the longest exact tail is searched by its index, whatever the width of its records', () => {
  const features = everyFeature(['7s', '1m', '4m'])
  const exact = { card: exactMax, merchant: exactMax, 'card+merchant': exactMax }
  const document = { file: 'test', value: { features, exact }, lineOf: () => 1 }
  const { journals } = new Plan(compileCatalog(document), everySchema)
  for (let width = 32; width <= 256; width += 8) {
    const layouts = new Layouts(journals.map((journal) => ({ ...journal, width })))
    for (const [kind, { kind: name, cap }] of journals.entries()) {
      assert.equal(cap, exactMax)
      const sizeClass = layouts.classFor(kind, heldRecords)
      assert.ok(sizeClass >= 0, `${name}, records of ${width} bytes: no room`)
      const layout = (kind << layoutShift) + sizeClass
      assert.ok(layouts.indexSizes[layout]! > 0, `${name}, records of ${width} bytes: no index`)
    }
  }
})
