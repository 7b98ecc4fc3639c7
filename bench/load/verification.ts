// Reads both topics whole, after the measuring, and has a sample of the measured decisions computed again by hand.
import { assemble } from '../../engine/assemble.ts'
import type { LogRecord } from '../../engine/stream/kafka.ts'
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
  readonly answer: string
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
  const random = Random.of(seed, 'samples')
  const drawn: Answered[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const { end } = await reader.range(pair.transactions, partition)
    const first = firsts[partition]!
    const wanted = new Set<number>()
    for (let left = Math.ceil(samples / partitions); left > 0; left--) {
      wanted.add(first + random.below(end - first))
    }
    for await (const { offset, ...answered } of answers(reader, pair, partition)) {
      check.add(answered.value, answered.timestampMs, answered.answer)
      if (wanted.has(offset)) drawn.push(answered)
    }
  }
  return checkAll(check, drawn)
}

/** What was added before, and all that belongs to it. */
export async function checkAll(check: HandCheck, drawn: readonly Answered[]): Promise<Verified> {
  const faults = [...check.faults]
  let wrong = faults.length
  for (const { value, timestampMs, answer } of drawn) {
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

/** Transactions with their outcomes, side by side: topics may be larger than memory. Of several outcomes the first. */
async function* answers(
  reader: PartitionReader,
  { transactions, decisions }: Pair,
  partition: number,
): AsyncGenerator<Answered & { readonly offset: number }, void> {
  const asked = records(reader, transactions, partition)
  let at = -1
  for await (const { headers, value: answer } of records(reader, decisions, partition)) {
    const offset = Number(headers[sourceOffsetHeader])
    if (offset <= at) continue
    let next = await asked.next()
    while (next.done !== true && next.value.offset < offset) next = await asked.next()
    if (next.done === true) return
    at = offset
    const { value, timestampMs } = next.value
    yield { offset, value: value!, timestampMs, answer: answer!.toString() }
  }
}

async function* records(
  reader: PartitionReader,
  topic: string,
  partition: number,
): AsyncGenerator<LogRecord, void> {
  const { first, end } = await reader.range(topic, partition)
  for (let at = first; at < end; ) {
    const fetched = await reader.fetch(topic, partition, at, fetchBytes)
    for (const record of fetched.records) yield record
    at = fetched.next
  }
}
