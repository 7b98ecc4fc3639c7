// A port of outboxes that tells a meter what goes through it. It changes nothing.
import type { Meter, Outcome } from '../core/ports.ts'
import type { NewRecord } from './kafka.ts'
import type { OutboxPort } from './outbox.ts'

export class MeteredPort implements OutboxPort {
  readonly #port: OutboxPort
  readonly #meter: Meter

  constructor(port: OutboxPort, meter: Meter) {
    this.#port = port
    this.#meter = meter
  }

  async sendDecisions(partition: number, records: readonly NewRecord[]): Promise<void> {
    await this.#port.sendDecisions(partition, records)
    this.#meter.sent(records.length)
  }

  sendDeadLetters(outcomes: readonly Outcome[]): Promise<void> {
    return this.#port.sendDeadLetters(outcomes)
  }

  recover(partition: number, error: unknown): Promise<number> {
    this.#meter.failed(error)
    return this.#port.recover(partition, error)
  }
}
