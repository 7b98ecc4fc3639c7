// Our walker of trees against ONNX Runtime, over sizes of ensemble and batch, and what a network takes on the runtime: where the
// two cross. Both give the same bits, or the run is void. Random weights: what a score costs does not depend on what it means.
// Usage: scorers.js <trees,…> <depth,…> <batch,…> <slice ms>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../engine/clock.ts'
import { parseDocument } from '../../engine/document.ts'
import { Random } from '../../features/generator/random.ts'
import { type AdmittedModel, openModel, openTried } from '../../models/open.ts'
import { definitions, inputCount, networkGraph, treesGraph, writeFolder } from '../model-folders.ts'
import { tell } from '../variant.ts'

const [treesText = '30,100,300,500', depthText = '6,8', batchText = '1,16,64', sliceText = '40'] =
  process.argv.slice(2)
const batches = numbers(batchText)
const sliceUs = Number(sliceText) * 1000
/** The lesser of two slices is the one that was disturbed less. */
const slices = 5
const rowsMax = 64

type Points = Readonly<Record<string, number>>[]

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-scorers-'))
const measures: Record<string, number> = {}
const series: Record<string, Points> = {}
const wrong: string[] = []
for (const depth of numbers(depthText)) {
  for (const trees of numbers(treesText)) await compareTrees(trees, depth)
}
await measureNetwork([32, 16])
rmSync(folder, { recursive: true })
tell({
  measures,
  series,
  configuration: {
    runtime:
      'onnxruntime-node 1.30.0, cpu, one thread, sequential, no spinning, graph cut at the margin',
    rows: `${inputCount} inputs, another row each call, warm`,
  },
  void: wrong,
})

/** In turn, so that whatever else the machine does is shared between them. */
async function compareTrees(trees: number, depth: number): Promise<void> {
  const path = join(folder, `trees-${trees}x${depth}`)
  await writeFolder(path, 'trees', treesGraph(trees, depth))
  const chosen = await openModel(path, definitions, parseDocument)
  const { candidate, tried } = chosen
  await chosen.close()
  const walker = await openTried(candidate, { ...tried, kind: 'trees' })
  const runtime = await openTried(candidate, { ...tried, kind: 'margin' })
  for (const batch of batches) {
    const label = `${trees}x${depth}_at_${batch}`
    if (!(await isSame(walker, runtime, batch))) wrong.push(`${label}: walker and runtime differ`)
    const [walkerUs, runtimeUs] = await leastUs([walker, runtime], batch)
    measures[`walker_${label}_cpu_us_per_row`] = walkerUs!
    measures[`runtime_${label}_cpu_us_per_row`] = runtimeUs!
    measures[`runtime_by_walker_${label}`] = runtimeUs! / walkerUs!
    const points = (series[`depth_${depth}_at_${batch}`] ??= [])
    points.push({ trees, walker_us: walkerUs!, runtime_us: runtimeUs! })
  }
  await walker.close()
  await runtime.close()
}

async function measureNetwork(hidden: readonly number[]): Promise<void> {
  const name = `network_${[inputCount, ...hidden, 1].join('_')}`
  const path = join(folder, name)
  await writeFolder(path, name, networkGraph(hidden))
  const network = await openModel(path, definitions, parseDocument)
  for (const batch of batches) {
    const [leastOfIt] = await leastUs([network], batch)
    measures[`${name}_at_${batch}_cpu_us_per_row`] = leastOfIt!
  }
  await network.close()
}

/** CPU-µs a row of each model: the least of several slices, taken in turn after a first one to warm up. */
async function leastUs(models: readonly AdmittedModel[], batch: number): Promise<number[]> {
  const least = models.map(() => Number.POSITIVE_INFINITY)
  for (let slice = 0; slice <= slices; slice++) {
    for (const [at, model] of models.entries()) {
      const us = await sliceOf(model, batch)
      if (slice > 0) least[at] = Math.min(least[at]!, us)
    }
  }
  return least
}

async function sliceOf(model: AdmittedModel, batch: number): Promise<number> {
  const rows = rowsFor(batch)
  const out = new Float64Array(batch)
  const span = batch * inputCount
  const before = process.cpuUsage()
  const beganUs = systemClock.monotonicUs()
  let calls = 0
  while (systemClock.monotonicUs() - beganUs < sliceUs) {
    const from = (calls++ % (rowsMax / batch)) * span
    model.rows.set(rows.subarray(from, from + span))
    await model.score(batch, out)
  }
  const used = process.cpuUsage(before)
  return (used.user + used.system) / (calls * batch)
}

async function isSame(one: AdmittedModel, other: AdmittedModel, batch: number): Promise<boolean> {
  const rows = rowsFor(batch).subarray(0, batch * inputCount)
  const scores = [new Float64Array(batch), new Float64Array(batch)]
  for (const [at, model] of [one, other].entries()) {
    model.rows.set(rows)
    await model.score(batch, scores[at]!)
  }
  return scores[0]!.every((score, row) => Object.is(score, scores[1]![row]))
}

function rowsFor(batch: number): Float32Array {
  const random = Random.of(3, `rows at ${batch}`)
  return Float32Array.from({ length: rowsMax * inputCount }, () => random.normal() * 3)
}

function numbers(text: string): number[] {
  return text.split(',').map(Number)
}
