// What models cost by kind and size: a row alone and in a batch of 16, its reasons, and making a session. Prints one line of
// JSON, µs a row unless it says otherwise.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bench } from 'tinybench'
import { systemClock } from '../../engine/clock.ts'
import { parseDocument } from '../../engine/document.ts'
import { Random } from '../../features/generator/random.ts'
import type { Candidate } from '../../models/gate.ts'
import type { GraphSource } from '../../models/graph/graph.ts'
import { type AdmittedModel, openModel, openTried, type Tried } from '../../models/open.ts'
import {
  definitions,
  inputCount,
  networkGraph,
  strangenessGraph,
  treesGraph,
  writeFolder,
} from '../model-folders.ts'
import { tell } from '../variant.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-models-'))
const result: Record<string, number> = {}
const batch = 16

await measureTrees('trees_100x6', treesGraph(100, 6))
await measureTrees('trees_500x8', treesGraph(500, 8))
await measure('logistic', networkGraph([]))
await measure('autoencoder_40_16_8_16_40', strangenessGraph([16, 8, 16]))
await measure('network_40_32_16_1', networkGraph([32, 16]))
await measure('network_1mb', networkGraph([512, 512]))
await measure('network_10mb', networkGraph([1600, 1600]))
rmSync(folder, { recursive: true })
tell({ measures: result })

/** On the walker, and on the runtime up to the margin. */
async function measureTrees(name: string, source: GraphSource): Promise<void> {
  const model = await make(name, source)
  const { tried, candidate } = model
  await model.close()
  for (const kind of ['trees', 'margin'] as const) {
    const scorer = kind === 'trees' ? 'walker' : 'runtime'
    await measureAs(`${name}_${scorer}`, candidate, { ...tried, kind })
  }
}

async function measure(name: string, source: GraphSource): Promise<void> {
  const model = await make(name, source)
  await model.close()
  await measureAs(name, model.candidate, model.tried)
}

async function make(name: string, source: GraphSource): Promise<AdmittedModel> {
  const path = join(folder, name)
  await writeFolder(path, name, source)
  return openModel(path, definitions, parseDocument)
}

async function measureAs(label: string, candidate: Candidate, tried: Tried): Promise<void> {
  const open = (): Promise<AdmittedModel> => openTried(candidate, tried)
  await (await open()).close()
  const beganUs = systemClock.monotonicUs()
  const model = await open()
  result[`${label}_made_ms`] = (systemClock.monotonicUs() - beganUs) / 1000
  const random = Random.of(3, label)
  const rows = Float32Array.from({ length: batch * inputCount }, () => random.normal() * 3)
  const out = new Float64Array(batch)
  const added = new Float64Array(batch * inputCount)
  model.rows.set(rows)
  const bench = new Bench({ time: 400, warmupTime: 200 })
    .add('alone', async () => {
      await model.score(1, out)
    })
    .add('at_16', async () => {
      await model.score(batch, out)
    })
    .add('reasons', async () => {
      await model.explain(rows, 1, added)
    })
  await bench.run()
  for (const { name: task, result: measured } of bench.tasks) {
    if (!('latency' in measured)) throw new Error(`${task}: nothing measured`)
    const count = task === 'at_16' ? batch : 1
    result[`${label}_${task}`] = (measured.latency.p50 * 1000) / count
  }
  await model.close()
}
