// Holds what stores answered against what stands in Redis in the end: each record once, ordinals without a gap, each view the
// records before it. For tests of messages with ids of their own, and plans whose exact tails hold all.
import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import { identityAt, identityBytes, type JournalPlan, type JournalPlans } from '../journal.ts'
import type { Observation } from '../observation.ts'
import { Keys } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { recordOf, show, type TestRow } from './journal-rows.ts'

/** What comes before the first record of a journal that was never compacted. */
const headerBytes = 32

interface Answered {
  readonly record: string
  readonly view: string
}

export class Auditor {
  readonly #plans: JournalPlans
  readonly #keys: Keys
  /** Answers that another one contradicts. */
  readonly #clashes: string[] = []
  readonly #journals = new Map<string, { plan: JournalPlan; answers: Map<number, Answered> }>()

  constructor(plans: JournalPlans, buckets: number) {
    this.#plans = plans
    this.#keys = new Keys(plans, buckets)
  }

  /** Takes down a batch's answers, before it is released; the same message again must get the same. */
  note(store: Store, batch: Observation, rows: readonly TestRow[]): void {
    for (const [at, test] of rows.entries()) {
      for (const [entity, plan] of this.#plans.journals.entries()) {
        const slot = at * batch.entityCount + entity
        if (batch.handle[slot] === -1) continue
        const key = this.#keys.journal(test.tenant ?? 'default', entity, batch.key, slot * 4)
        let journal = this.#journals.get(key)
        if (journal === undefined) {
          journal = { plan, answers: new Map() }
          this.#journals.set(key, journal)
        }
        const answer = {
          record: recordOf(test, plan).toString('hex'),
          view: digestOf(Buffer.from(show(store, batch, this.#plans, slot).bytes, 'hex')),
        }
        const ordinal = batch.ordinal[slot]!
        const known = journal.answers.get(ordinal) ?? answer
        if (answer.record !== known.record || answer.view !== known.view) {
          this.#clashes.push(`${plan.kind} ${ordinal} of ${JSON.stringify(test)}`)
        }
        journal.answers.set(ordinal, answer)
      }
    }
  }

  /** Rejects unless the journals are exactly what was answered; `isWhole` false: unless they have that, and nothing twice. */
  async check(read: (key: string) => Promise<Buffer>, isWhole = true): Promise<void> {
    assert(this.#journals.size > 0)
    assert.deepEqual(this.#clashes, [])
    for (const [key, { plan, answers }] of this.#journals) {
      const records = (await read(key)).subarray(headerBytes)
      const count = records.length / plan.width
      if (isWhole) assert.equal(answers.size, count, `${key} has ${count} records`)
      assert.equal(identitiesOf(records, plan.width).size, count, `twice in ${key}`)
      for (const [ordinal, { record, view }] of answers) {
        const start = ordinal * plan.width
        assert.equal(records.toString('hex', start, start + plan.width), record, key)
        assert.equal(digestOf(records.subarray(0, start)), view, `view at ${ordinal} of ${key}`)
      }
    }
  }
}

function identitiesOf(records: Buffer, width: number): Set<string> {
  const found = new Set<string>()
  for (let at = identityAt; at < records.length; at += width) {
    found.add(records.toString('hex', at, at + identityBytes))
  }
  return found
}

function digestOf(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('base64')
}
