// Records and keys: what is in them, what two transactions must share or differ in, and that nobody's id is readable there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileCatalog } from './catalog.ts'
import { fingerprintAt, identityAt, sourceAt } from './journal.ts'
import { kindOf, timeOf, verdictOf } from './layout.ts'
import { Observation } from './observation.ts'
import { Plan } from './plan.ts'
import { Encoder } from './record.ts'
import { Kind, messageKinds, Transaction, type TransactionSchema, Verdict } from './transaction.ts'

const schema: TransactionSchema = {
  entities: ['card', 'merchant'],
  primary: 0,
  fields: ['mcc'],
  hasLocation: true,
  hasLabel: true,
  kinds: messageKinds,
}
const catalog = compileCatalog({
  file: 'catalog',
  lineOf: () => 1,
  value: {
    features: [
      { name: 'a', entity: 'card', aggregate: 'sum', window: '1d' },
      { name: 'b', entity: 'card', aggregate: 'distinct', of: 'merchant', window: '1d' },
      { name: 'c', entity: 'card', aggregate: 'distinct', of: 'mcc', window: '1d' },
      { name: 'd', entity: 'card', aggregate: 'fraud_count', window: '1d' },
      { name: 'e', entity: 'merchant', aggregate: 'count', window: '1d' },
    ],
  },
})
const plan = new Plan(catalog, schema)
const hashKey = Uint8Array.from({ length: 16 }, (_, index) => 31 * index + 7)

interface Encoded {
  readonly batch: Observation
  readonly cardKey: string
  readonly merchantKey: string
  readonly identity: string
  readonly fingerprint: string
}

interface Change extends Partial<Transaction> {
  readonly card?: string
  readonly merchant?: string | null
  readonly mcc?: string | null
}

function encode(change: Change = {}, key = hashKey): Encoded {
  const { card = '4111111111111111', merchant = 'm-1', mcc = '5411', ...rest } = change
  const transaction = new Transaction(2, 1)
  Object.assign(transaction, { id: 'secret-id', tenant: 'default', timeMs: 1.7e12, atMs: 1.7e12 })
  Object.assign(transaction, { amountMinor: 1234, latitude: 1.5, longitude: 2.5 }, rest)
  transaction.entities[0] = card
  transaction.entities[1] = merchant
  transaction.fields[0] = mcc
  const batch = new Observation(1, plan.journals.length, plan.recordStride)
  batch.count = 1
  batch.tenant[0] = transaction.tenant
  batch.partition[0] = 3
  batch.offset[0] = 2 ** 40 + 5
  new Encoder(plan, key).encode(transaction, 0, batch)
  const hex = (from: number, to: number): string =>
    Buffer.from(batch.records.subarray(from, to)).toString('hex')
  return {
    batch,
    cardKey: batch.key.subarray(0, 4).join(' '),
    merchantKey: batch.key.subarray(4, 8).join(' '),
    identity: hex(identityAt, identityAt + 8),
    fingerprint: hex(fingerprintAt, fingerprintAt + 8),
  }
}

test('a record has its time, kind and verdict, and the primary’s its source message', () => {
  const times = fc.integer({ min: 0, max: 253_402_300_799_999 })
  fc.assert(
    fc.property(
      times,
      fc.constantFrom(0, 1, 2, 3),
      fc.constantFrom(0, 1, 2),
      (timeMs, kind, verdict) => {
        const { recordData } = encode({ timeMs, kind, verdict }).batch
        assert.equal(timeOf(recordData, 0), timeMs)
        assert.equal(kindOf(recordData, 0), kind)
        assert.equal(verdictOf(recordData, 0), verdict)
      },
    ),
  )
  const { recordData } = encode().batch
  assert.equal(recordData.getUint16(sourceAt, true), 3)
  assert.equal(
    recordData.getUint32(sourceAt + 2, true) + recordData.getUint16(sourceAt + 6, true) * 2 ** 32,
    2 ** 40 + 5,
  )
})

test('neither a card number nor any id or field stands in records or keys', () => {
  const { batch } = encode({ card: '4111111111111111', merchant: 'merchant-77', mcc: '5411-xyz' })
  for (const memory of [batch.records, batch.key]) {
    const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength)
    for (const secret of ['4111111111', 'secret-id', 'merchant-77', '5411-xyz']) {
      for (const encoding of ['utf8', 'utf16le'] as const) {
        assert.ok(!bytes.includes(Buffer.from(secret, encoding)), secret)
      }
    }
  }
})

test('without the hash key nobody can tell who it was: another key, other hashes', () => {
  const [one, other] = [encode(), encode({}, new Uint8Array(16))]
  for (const part of ['cardKey', 'merchantKey', 'identity', 'fingerprint'] as const) {
    assert.notEqual(one[part], other[part], part)
    assert.equal(one[part], encode()[part])
  }
})

test('a journal is of a tenant, a kind and an id: no two of them share a key', () => {
  const keys = [
    encode().cardKey,
    encode({ tenant: 'other' }).cardKey,
    encode({ card: '4111111111111112' }).cardKey,
    encode({ card: 'm-1' }).cardKey,
    encode({ merchant: 'm-1' }).merchantKey,
    encode({ tenant: 'defaultm', merchant: '-1' }).merchantKey,
    encode({ card: 'caf\u00e9' }).cardKey,
    encode({ card: 'cafe\u0301' }).cardKey,
    encode({ card: 'x'.repeat(4096) }).cardKey,
    encode({ card: 'x'.repeat(4095) }).cardKey,
  ]
  assert.equal(new Set(keys).size, keys.length)
  assert.equal(encode({ id: 'another' }).cardKey, encode().cardKey)
})

test('an entity that is absent has no record', () => {
  assert.deepEqual([...encode({ merchant: null }).batch.present], [1, 0])
})

test('an identity is of the id, its tenant and its primary; a follow-up has one of its own', () => {
  const reversal = { kind: Kind.reversal, atMs: 1.7e12 + 5 }
  const label = { kind: Kind.label, atMs: 1.7e12 + 5, verdict: Verdict.fraud }
  const identities = [
    encode().identity,
    encode({ id: 'secret-ie' }).identity,
    encode({ tenant: 'other' }).identity,
    encode({ card: '4111111111111112' }).identity,
    encode({ card: '411111111111111', id: '1secret-id' }).identity,
    encode(reversal).identity,
    encode({ ...reversal, atMs: 1.7e12 + 6 }).identity,
    encode({ kind: Kind.decline, atMs: 1.7e12 + 5 }).identity,
    encode(label).identity,
    encode({ ...label, verdict: Verdict.legit }).identity,
  ]
  assert.equal(new Set(identities).size, identities.length)
  const same: Change = {
    timeMs: 5,
    amountMinor: 7,
    merchant: 'x',
    mcc: null,
    verdict: Verdict.fraud,
  }
  assert.equal(encode(same).identity, encode().identity)
})

test('a fingerprint is of the content: all of it but label and arrival', () => {
  const fingerprints = [
    encode().fingerprint,
    encode({ timeMs: 1.7e12 + 1 }).fingerprint,
    encode({ amountMinor: 1235 }).fingerprint,
    encode({ amountMinor: Number.NaN }).fingerprint,
    encode({ latitude: 1.25 }).fingerprint,
    encode({ longitude: Number.NaN }).fingerprint,
    encode({ merchant: 'm-2' }).fingerprint,
    encode({ merchant: null }).fingerprint,
    encode({ mcc: '5412' }).fingerprint,
    encode({ mcc: null }).fingerprint,
  ]
  assert.equal(new Set(fingerprints).size, fingerprints.length)
  const later: Change = { verdict: Verdict.fraud, labelMs: 1.8e12, receivedMs: 1.9e12 }
  assert.equal(encode(later).fingerprint, encode().fingerprint)
})
