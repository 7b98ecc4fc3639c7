// Reads both topics whole, after the measuring, and has a sample of the measured decisions computed again by hand.
import { assemble } from '../../engine/assemble.ts'
import { sourceOffsetHeader } from '../../engine/stream/outbox.ts'
import type { PartitionReader } from '../../engine/stream/partition-reader.ts'
import { Random } from '../../features/generator/random.ts'
import { HandCheck } from './hand-check.ts'
import type { Pair } from './reader-questions.ts'

export interface Verification {
  readonly pair: Pair
  readonly files: WorkFiles
  /** Decisions are drawn from these offsets on. */
  readonly firsts: readonly number[]
  readonly samples: number
  readonly seed: number
}

/** What an engine decides with; absolute paths. */
export interface WorkFiles {
  readonly mapping: string
  readonly catalog: string
  /** Null: no score. */
  readonly model: string | null
}

export interface Verified {
  readonly decisions: number
  /** Numbers that were computed again, and those that the engine says are approximate. */
  readonly values: number
  readonly approximate: number
  /** Decisions with something wrong, and what, of the first. */
  readonly wrong: number
  readonly faults: readonly string[]
}

export interface Answered {
  readonly value: Buffer
  readonly timestampMs: number
  answer: string | null
}

const fetchBytes = 2 ** 22
const faultsMax = 5

export async function verify(
  reader: PartitionReader,
  { pair, files, firsts, samples, seed }: Verification,
  partitions: number,
): Promise<Verified> {
  const { mapping, catalog, model } = files
  const models = model === null ? [] : [{ folder: model, share: 0 }]
  const check = new HandCheck(await assemble({ mapping, catalog, models, policy: null }), {
    isOfCalls: false,
  })
  const drawn: Answered[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const all = await readPartition(reader, pair, partition)
    for (const { value, timestampMs, answer } of all) {
      if (answer !== null) check.add(value, timestampMs, answer)
    }
    for (const one of all.slice(firsts[partition])) drawn.push(one)
  }
  return checkSample(check, drawn, samples, seed)
}

/** All have been added before. */
export async function checkSample(
  check: HandCheck,
  drawn: readonly Answered[],
  samples: number,
  seed: number,
): Promise<Verified> {
  const random = Random.of(seed, 'samples')
  const faults = [...check.faults]
  let wrong = faults.length
  for (let left = Math.min(samples, drawn.length); left > 0; left--) {
    const { value, timestampMs, answer } = drawn[random.below(drawn.length)]!
    if (answer === null) continue
    const found = await check.check(value, timestampMs, answer)
    if (found.length > 0) wrong++
    faults.push(...found)
  }
  const { checked, compared, approximate } = check
  return {
    decisions: checked,
    values: compared,
    approximate,
    wrong,
    faults: faults.slice(0, faultsMax),
  }
}

async function readPartition(
  reader: PartitionReader,
  { transactions, decisions }: Pair,
  partition: number,
): Promise<Answered[]> {
  const all: Answered[] = []
  for await (const { value, timestampMs } of records(reader, transactions, partition)) {
    all.push({ value: value!, timestampMs, answer: null })
  }
  for await (const { headers, value } of records(reader, decisions, partition)) {
    const answered = all[Number(headers[sourceOffsetHeader])]
    // The first is what subscribers see.
    if (answered !== undefined) answered.answer ??= value!.toString()
  }
  return all
}

async function* records(reader: PartitionReader, topic: string, partition: number) {
  const { first, end } = await reader.range(topic, partition)
  for (let at = first; at < end; ) {
    const fetched = await reader.fetch(topic, partition, at, fetchBytes)
    for (const record of fetched.records) yield record
    at = fetched.next
  }
}
