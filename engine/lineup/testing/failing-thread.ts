// The thread of a model that scores 0.5, until a row tells it to fail: for tests of what a thread may do to those who wait.
import assert from 'node:assert'
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadOrder, ThreadReply } from '../remote-model.ts'
import { failures } from './failures.ts'

assert(parentPort !== null, 'a thread that somebody started')
const port = parentPort
const { folder, rowMax } = workerData as ThreadOrder
const rows = new SharedArrayBuffer(rowMax * 4)
const out = new SharedArrayBuffer(rowMax * 8)
const input = { definition: '', imputation: 0, mean: 0, deviation: 1, baseline: 0 }

function say(reply: ThreadReply): void {
  port.postMessage(reply)
}

port.on('message', () => {
  const [what] = new Float32Array(rows)
  if (what === failures.hang) Atomics.wait(new Int32Array(rows), 1, 0)
  if (what === failures.exit) process.exit(3)
  if (what === failures.throw) throw new Error('out of order')
  new Float64Array(out).fill(0.5)
  say({ kind: 'done', scorer: 'cpu' })
})

say({
  kind: 'admitted',
  facts: {
    ...{ name: folder, version: 1, hash: folder, rowMax, scorer: 'test', attribution: 'path' },
    inputs: [{ ...input, feature: 'amount' }],
    thresholds: { review: 0.5, deny: 0.9 },
  },
  tried: {
    ...{ hash: folder, kind: 'whole', isPadded: false },
    admission: { trees: null, onnxruntime: null },
  },
  ...{ small: null, rows, out },
})
