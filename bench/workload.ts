// What every benchmark decides: the generator's transactions as Kafka would hand them over, made before measuring.
import type { Message } from '../engine/core/ports.ts'
import { generate } from '../features/generator/generator.ts'
import { defaultParameters } from '../features/generator/parameters.ts'

/** A fixed key: benchmarks store nothing that outlives them. */
export const benchHashKey = Uint8Array.from({ length: 16 }, (_, index) => index)

/** `count` messages of one partition, as JSON. */
export function makeMessages(count: number): Message[] {
  const messages: Message[] = []
  for (const { row } of generate({ ...defaultParameters, rows: count })) {
    messages.push({
      partition: 0,
      offset: messages.length,
      key: null,
      value: Buffer.from(JSON.stringify(row)),
      timestampMs: Number.NaN,
      traceparent: null,
      answer: null,
    })
    if (messages.length === count) break
  }
  return messages
}
