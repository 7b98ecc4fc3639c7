// Many changes of models in one process, each through the gate in a thread, with a batch decided between them: whether memory
// stays flat. Usage: swaps.js <swaps>. Prints one line of JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble, makePipeline, shipped } from '../../engine/assemble.ts'
import { systemClock } from '../../engine/clock.ts'
import { admit } from '../../engine/lineup/admission.ts'
import { Swapper } from '../../engine/lineup/swapper.ts'
import { manifestHash } from '../../engine/lineup/watched-folder.ts'
import { MemoryStore } from '../../features/store/memory.ts'
import { definitions, networkGraph, treesGraph, writeFolder } from '../model-folders.ts'
import { processUsage } from '../usage.ts'
import { tell } from '../variant.ts'
import { benchHashKey, makeMessages } from '../workload.ts'

const [swaps = 500] = process.argv.slice(2).map(Number)
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-swaps-'))
const models = [
  ['network_small', networkGraph([32, 16])],
  ['trees_small', treesGraph(100, 6)],
  ['network_large', networkGraph([700, 700])],
] as const
for (const [name, source] of models) await writeFolder(join(folder, name), name, source)

const folders = models.map(([name]) => join(folder, name))
const assembly = await assemble({
  ...shipped,
  models: [{ folder: folders[0]!, share: 0 }],
  policy: null,
})
const pipeline = makePipeline(assembly, {
  store: new MemoryStore(assembly.plan, { bytesMax: 2 ** 30 }),
  parser: assembly.mapping.parser(),
  hashKey: benchHashKey,
  mode: 'bench',
  source: 'bench',
  clock: systemClock,
})
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
const swapper = new Swapper({
  engine: pipeline,
  lineup: assembly.lineup,
  folders: assembly.modelFolders,
  admit: (from) => admit(from, { definitions, providers: ['cpu'], rowMax: 64 }),
  hashOf: manifestHash,
  policyOf: (suggested) => assembly.policyOf(suggested),
  log: quiet,
})
// The same few messages over and over: their journals do not grow.
const messages = makeMessages(64)
const result: Record<string, number> = {}
const began = performance.now()
for (let swap = 1; swap <= swaps; swap++) {
  await swapper.change([{ folder: folders[swap % folders.length]!, share: 0 }])
  const outcomes = await pipeline.process(messages)
  if (outcomes.length !== messages.length) throw new Error('an outcome is missing')
  if (swap === swaps / 10 || swap === swaps / 2 || swap === swaps) {
    globalThis.gc?.()
    result[`rss_mb_after_${swap}`] = processUsage(process.pid).rssMb
  }
}
result['ms_per_swap'] = (performance.now() - began) / swaps
await Promise.all((await swapper.close()).map((model) => model.close()))
rmSync(folder, { recursive: true })
tell({ measures: result })
