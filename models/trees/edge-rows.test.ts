// Rows on the edges of trees meet every threshold of a small ensemble from both sides, and leave values out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { edgeRows } from './edge-rows.ts'
import type { Ensemble } from './ensemble.ts'

test('each threshold is met, and the float below it, and nothing; inputs that no tree asks for are 0', () => {
  // Input 1 at 7 and, on its left, at 0.5; input 0 is never asked for.
  const ensemble: Ensemble = {
    ...{ columns: 2, base: 0, covers: null, roots: Int32Array.of(0, 5) },
    ...{ feature: Int32Array.of(1, 1, 0, 0, 0), threshold: Float32Array.of(7, 0.5, 0, 0, 0) },
    ...{ child: Int32Array.of(1, 3, 0, 0, 0), weight: Float32Array.of(0, 0, 1, 2, 3) },
    ...{ isEqual: new Uint8Array(5), nanHolds: new Uint8Array(5) },
  }
  const rows = edgeRows(ensemble)
  assert.ok(rows.every(([first]) => first === 0))
  const met = new Set(rows.map((row) => row[1]!))
  assert.deepEqual(met, new Set([0.5 - 2 ** -25, 0.5, 7 - 2 ** -21, 7, Number.NaN]))
  assert.deepEqual(edgeRows(ensemble), rows)
})
