// What benchmarks decide: the generator's transactions as Kafka would hand them over, made before measuring.
import type { Message } from '../engine/core/ports.ts'
import { generate } from '../features/generator/generator.ts'
import { defaultParameters } from '../features/generator/parameters.ts'

/** A fixed key: benchmarks store nothing that outlives them. */
export const benchHashKey = Uint8Array.from({ length: 16 }, (_, index) => index)

/** `count` messages of one partition, as JSON. */
export function makeMessages(count: number): Message[] {
  const messages: Message[] = []
  for (const { row } of generate({ ...defaultParameters, rows: count })) {
    messages.push(toMessage(JSON.stringify(row), messages.length))
    if (messages.length === count) break
  }
  return messages
}

export function toMessage(json: string, offset: number): Message {
  return {
    partition: 0,
    offset,
    key: null,
    value: Buffer.from(json),
    timestampMs: Number.NaN,
    traceparent: null,
    answer: null,
  }
}
