// A call's body that is decided at once is not parsed again, and whatever comes in between, what the pipeline gets of it is what a
// parser and an encoder of its own would give.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Observation } from '../../features/observation.ts'
import { Encoder } from '../../features/record.ts'
import { corpusReceivedMs, transactionJson } from '../../features/testing/corpus.ts'
import { type Parser, Transaction } from '../../features/transaction.ts'
import { Intake, noSource } from './intake.ts'
import { hashKey, makeAssembly } from './testing/sidecar-world.ts'

const { mapping, plan } = makeAssembly()
const { schema } = mapping

class CountingParser implements Parser {
  readonly schema = schema
  parsed = 0
  readonly #parser = mapping.parser()

  parse(...of: Parameters<Parser['parse']>): ReturnType<Parser['parse']> {
    this.parsed++
    return this.#parser.parse(...of)
  }
}

function makeIntake(): { readonly intake: Intake; readonly parser: CountingParser } {
  const parser = new CountingParser()
  return { intake: new Intake(parser, plan, hashKey), parser }
}

const bodies = [
  transactionJson({ id: 'a', card: 'c1' }),
  transactionJson({ id: 'b', amount: '7.25', merchant: undefined, currency: 'USD' }),
  transactionJson({ id: 'c', type: 'reversal', at: '2026-03-01T12:00:01Z' }),
  transactionJson({ id: 'd', type: 'label', verdict: '1', at: '2026-03-01T12:00:02Z' }),
].map((text) => Buffer.from(text))

function made(): Transaction {
  return new Transaction(schema.entities.length, schema.fields.length)
}

/** What a pipeline of two rows has of two bodies. */
function rowsOf(
  parser: Parser,
  encoder: Pick<Encoder, 'encode'>,
  transactions: readonly Transaction[],
  two: readonly Uint8Array[],
): object {
  const batch = new Observation(2, plan.journals.length, plan.recordStride)
  for (const [row, body] of two.entries()) {
    assert.equal(parser.parse(body, corpusReceivedMs, transactions[row]!), null)
    batch.tenant[row] = transactions[row]!.tenant
    batch.partition[row] = noSource
    batch.offset[row] = noSource
  }
  for (const row of two.keys()) encoder.encode(transactions[row]!, row, batch)
  const { present, key, records, recordStride: stride } = batch
  const slots = Array.from(present, (is, slot) =>
    // Of an entity that is not there, what lies at its place means nothing.
    is === 0
      ? null
      : [key.slice(slot * 4, slot * 4 + 4), records.slice(slot * stride, (slot + 1) * stride)],
  )
  return { transactions: structuredClone(transactions.slice(0, two.length)), slots }
}

test('a body that was read last is parsed once, others anew; the pipeline gets the same of all', () => {
  const { intake, parser } = makeIntake()
  const transactions = [made(), made()]
  for (const last of bodies) {
    for (const two of [
      [last],
      ...bodies.flatMap((other) => [
        [last, other],
        [other, last],
      ]),
    ]) {
      intake.read(last, corpusReceivedMs)
      const before = parser.parsed
      const found = rowsOf(intake, intake, transactions, two)
      const others = two.filter((body) => body !== last).length
      assert.equal(parser.parsed - before, others)
      const own = rowsOf(mapping.parser(), new Encoder(plan, hashKey), [made(), made()], two)
      assert.deepEqual(found, own)
    }
  }
})

test('a body that arrived at another time, or was refused, is parsed anew', () => {
  const { intake, parser } = makeIntake()
  intake.read(bodies[0]!, corpusReceivedMs)
  intake.parse(bodies[0]!, corpusReceivedMs + 1, made())
  assert.equal(parser.parsed, 2)
  const bad = Buffer.from('{}')
  assert.ok('reason' in intake.read(bad, corpusReceivedMs))
  assert.notEqual(intake.parse(bad, corpusReceivedMs, made()), null)
  assert.equal(intake.parse(bodies[0]!, corpusReceivedMs, made()), null)
  assert.equal(parser.parsed, 5)
})

test('a transaction that becomes another one has every field of it', () => {
  const other = made()
  const changed = { number: 7, string: 'x', boolean: true } as const
  for (const [name, value] of Object.entries(other)) {
    if (Array.isArray(value)) value.fill('x')
    else Object.assign(other, { [name]: changed[typeof value as keyof typeof changed] })
  }
  const out = made()
  out.take(other)
  assert.deepEqual(out, other)
})
