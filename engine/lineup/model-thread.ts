// The thread of a RemoteModel: opens the model through the gate, says what it is, and then scores what is asked. Started by
// remote-model.ts only.
import assert from 'node:assert'
import { parentPort, workerData } from 'node:worker_threads'
import { type Model, ModelRefusal } from '../../models/model.ts'
import { openModel, openTried } from '../../models/open.ts'
import { TreeModel, type TreePlan } from '../../models/trees/tree-model.ts'
import { systemClock } from '../clock.ts'
import { parseDocument } from '../document.ts'
import { describe } from '../errors.ts'
import type { ModelFacts, ThreadCall, ThreadOrder, ThreadReply } from './remote-model.ts'

assert(parentPort !== null, 'a thread that somebody started')
const port = parentPort
const { folder, definitions, providers, rowMax } = workerData as ThreadOrder

/** A session that takes longer to make would hold up every decision for as long. */
const blockMsMax = 5

/** As float32 and float64. */
const bytesOf = { row: 4, out: 8 }

function say(reply: ThreadReply): void {
  port.postMessage(reply)
}

function factsOf(model: Model): ModelFacts {
  const { name, version, hash, inputs, thresholds, rowMax: rows, scorer, attribution } = model
  return { name, version, hash, inputs, thresholds, rowMax: rows, scorer, attribution }
}

async function open(): Promise<void> {
  const known = new Map(definitions)
  const monotonicUs = (): number => systemClock.monotonicUs()
  const first = await openModel(folder, known, parseDocument, { rowMax, providers, monotonicUs })
  const { tried, candidate } = first
  if (first instanceof TreeModel) {
    const { plan } = first
    port.postMessage({ kind: 'trees', plan } satisfies ThreadReply, buffersOf(plan))
    return
  }
  await first.close()
  // What it takes where decisions wait: all but the trial.
  const beganUs = monotonicUs()
  const model = await openTried(candidate, tried, { rowMax, providers })
  const madeMs = (monotonicUs() - beganUs) / 1000
  const small = madeMs > blockMsMax ? null : candidate
  const values = model.rowMax * model.inputs.length
  const rows = new SharedArrayBuffer(values * bytesOf.row)
  const out = new SharedArrayBuffer(Math.max(values, model.rowMax) * bytesOf.out)
  serve(model, new Float32Array(rows), new Float64Array(out))
  say({ kind: 'admitted', facts: factsOf(model), tried, small, rows, out })
}

/** They are handed over, not copied: this thread has no more use for them. */
function buffersOf({ ensemble, layout, expectations }: TreePlan): ArrayBuffer[] {
  const arrays = [ensemble, layout, expectations].flatMap((part) =>
    Object.values(part).filter((value) => ArrayBuffer.isView(value)),
  )
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))]
}

function serve(model: Model, rows: Float32Array, out: Float64Array): void {
  // The runtime takes no shared memory.
  const own = new Float32Array(rows.length)
  const results = new Float64Array(out.length)
  const run = async ({ what, count }: ThreadCall): Promise<ThreadReply> => {
    try {
      const used = rows.subarray(0, count * model.inputs.length)
      if (what === 'score') {
        model.rows.set(used)
        await model.score(count, results)
      } else {
        own.set(used)
        await model.explain(own, count, results)
      }
      out.set(results)
      return { kind: 'done', scorer: model.scorer }
    } catch (error) {
      return { kind: 'failed', reason: describe(error) }
    }
  }
  port.on('message', (call: ThreadCall) => {
    void run(call).then(say)
  })
}

try {
  await open()
} catch (error) {
  if (error instanceof ModelRefusal) say({ kind: 'refused', faults: error.faults })
  else say({ kind: 'failed', reason: describe(error) })
}
