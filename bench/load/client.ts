// Weir's own client for what stands beside it: the same library, the same settings.
import { KafkaClient } from '../../engine/stream/kafka.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

export function openClient(brokers: string, clientId: string): KafkaClient {
  return new KafkaClient({
    brokers: brokers.split(','),
    clientId,
    requestTimeoutMs: 30_000,
    ssl: null,
    sasl: null,
    log: silent,
  })
}
