// Runs a model on rows for all that it gives, before it is known how a score is read from that.
import { Faults } from '../faults.ts'
import type { Row } from '../manifest.ts'
import { ModelRefusal } from '../model.ts'
import type { ModelFile } from '../model-file.ts'
import { loadRuntime, ProviderSession, type Runtime, runtimeRefusal } from '../session.ts'
import { replayLatencyUsMax } from '../trial.ts'
import type { RawOutput } from './guess.ts'

export interface RawRun {
  readonly rows: readonly Row[]
  /** What stands for absent values, by input. */
  readonly imputations: readonly number[]
  /** The output that is wanted; null for all. */
  readonly only: string | null
  readonly monotonicUs: (() => number) | null
}

const batchRows = 64

/** All outputs of float and int64, with a value for each row. Throws ModelRefusal with what the runtime said. */
export async function rawOutputs(
  file: string,
  { bytes, graph }: ModelFile,
  { rows, imputations, only, monotonicUs }: RawRun,
): Promise<RawOutput[]> {
  const outputs = graph.outputs
    .filter(({ name, type }) => (only === null || name === only) && isRead(type))
    .map(({ name, type }) => new Gathered(name, type === 'int64'))
  const runtime = await loadRuntime()
  if (runtime instanceof Error) throw runtimeRefusal(runtime, file)
  const session = await ProviderSession.open(runtime, file, bytes, ['cpu'], () => undefined)
  const runner = { runtime, session }
  const input = graph.inputs[0]!.name
  try {
    const probes = outputs.map(({ name, isLabel }) => new Gathered(name, isLabel))
    const first = (): Promise<void> => run(runner, input, rows.slice(0, 1), imputations, probes)
    await refuseSlow(first, monotonicUs, file)
    for (let start = 0; start < rows.length; start += batchRows) {
      await run(runner, input, rows.slice(start, start + batchRows), imputations, outputs)
    }
    return outputs
  } catch (cause) {
    if (cause instanceof ModelRefusal) throw cause
    const faults = new Faults(file)
    faults.add('run', 'an output for each row', (cause as Error).message)
    throw new ModelRefusal(faults.list)
  } finally {
    await session.release()
  }
}

function isRead(type: string): boolean {
  return type === 'float' || type === 'int64'
}

type Tensor = InstanceType<Runtime['Tensor']>

class Gathered implements RawOutput {
  readonly name: string
  readonly isLabel: boolean
  columns = 1
  values = new Float64Array()

  constructor(name: string, isLabel: boolean) {
    this.name = name
    this.isLabel = isLabel
  }

  add({ data, dims }: Tensor, rows: number): void {
    if (dims[0] !== rows || dims.length > 2) {
      throw new TypeError(`output ${this.name} is [${dims.join(', ')}] for ${rows} rows`)
    }
    this.columns = dims[1] ?? 1
    const values = Float64Array.from(data as Float32Array | BigInt64Array, Number)
    const before = this.values
    this.values = new Float64Array(before.length + values.length)
    this.values.set(before)
    this.values.set(values, before.length)
  }
}

interface Runner {
  readonly runtime: Runtime
  readonly session: ProviderSession
}

async function run(
  { runtime, session }: Runner,
  input: string,
  rows: readonly Row[],
  imputations: readonly number[],
  outputs: readonly Gathered[],
): Promise<void> {
  const values = rows.flatMap((row) => row.map((value, at) => value ?? imputations[at]!))
  const tensor = new runtime.Tensor('float32', Float32Array.from(values), [
    rows.length,
    imputations.length,
  ])
  const names = outputs.map(({ name }) => name)
  const results = await session.run({ [input]: tensor }, names)
  for (const output of outputs) output.add(results[output.name] as Tensor, rows.length)
}

/**
 * What no replay would wait for is not run thousands of times, only to be refused for it. The first call may make ready
 * what the second finds.
 */
async function refuseSlow(
  call: () => Promise<void>,
  monotonicUs: (() => number) | null,
  file: string,
): Promise<void> {
  if (monotonicUs === null) return
  await call()
  const beganUs = monotonicUs()
  await call()
  const tookUs = Math.round(monotonicUs() - beganUs)
  if (tookUs <= replayLatencyUsMax) return
  const faults = new Faults(file)
  faults.add('latency', `at most ${replayLatencyUsMax} µs for a row alone`, `${tookUs} µs`)
  throw new ModelRefusal(faults.list)
}
