// Claims about the table of rows and the labels that come later as messages of their own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Kind,
  messageKinds,
  type Parser,
  type Transaction,
  Verdict,
} from '../../features/transaction.ts'
import { LabelMessages } from './label-messages.ts'
import { RowTable } from './row-table.ts'
import { makeTable, type TableRow, transactionOf } from './testing/table-rows.ts'

test('a row keeps its features, absence and label', () => {
  const { legit, fraud, none } = Verdict
  const table = makeTable(2, [
    { timeMs: 5, verdict: fraud, labelMs: 9, values: [1.5, Number.NaN], customer: 'a' },
    { timeMs: 6, verdict: legit, labelMs: 8, values: [2, 3], customer: 'b' },
    { timeMs: 7, verdict: none, values: [4, 5], customer: 'a' },
  ])
  assert.equal(table.count, 3)
  assert.deepEqual([...table.values(0)], [1.5, Number.NaN])
  assert.deepEqual([...table.values(2)], [4, 5])
  const facts = [0, 1, 2].map((row) => [table.isLabelled(row), table.isFraud(row)])
  assert.deepEqual(facts, [
    [true, true],
    [true, false],
    [false, false],
  ])
  assert.equal(table.customer(0), table.customer(2))
  assert.notEqual(table.customer(0), table.customer(1))
})

test('rows beyond the first chunk are found again', () => {
  const table = new RowTable(1, 0, 2 ** 30)
  const count = 70_000
  const transaction = transactionOf({})
  for (let row = 0; row < count; row++) {
    transaction.timeMs = row
    table.add(transaction, Float64Array.of(row % 1000), 0)
  }
  assert.equal(table.timeMs(65_536), 65_536)
  assert.equal(table.values(69_999)[0], 999)
})

test('a full table takes no more', () => {
  const table = new RowTable(1, 0, 100)
  assert.equal(table.rowsMax, 2)
  const add = (): boolean => table.add(transactionOf({}), Float64Array.of(1), 0)
  assert.deepEqual([add(), add(), add()], [true, true, false])
  assert.equal(table.count, 2)
})

/** Stands for a mapping's parser: each message is one of `rows`, by its first byte. */
function parserOf(rows: readonly (TableRow & { kind?: Kind })[]): Parser {
  const schema = {
    entities: ['card'],
    primary: 0,
    fields: [],
    hasLocation: false,
    hasLabel: true,
    kinds: messageKinds,
  }
  return {
    schema,
    parse: (message: Uint8Array, _: number, out: Transaction) => {
      const row = rows[message[0]!]!
      Object.assign(out, transactionOf(row), { kind: row.kind ?? Kind.transaction })
      if (row.labelMs !== undefined) out.atMs = row.labelMs
      return null
    },
  }
}

test('a label message labels the row that it names, the latest verdict wins', () => {
  const { fraud, legit } = Verdict
  const kind = Kind.label
  const rows = [
    { id: 'x', customer: 'a' },
    { id: 'x', customer: 'b' },
    { id: 'y', customer: 'a', verdict: legit, labelMs: 50 },
    { id: 'z', customer: 'a', verdict: legit, labelMs: 50 },
    { id: 'x', customer: 'a', kind, verdict: legit, labelMs: 30 },
    { id: 'x', customer: 'a', kind, verdict: fraud, labelMs: 20 },
    { id: 'y', customer: 'a', kind, verdict: fraud, labelMs: 60 },
    { id: 'z', customer: 'a', kind, verdict: fraud, labelMs: 40 },
    { id: 'nowhere', customer: 'a', kind, verdict: fraud, labelMs: 40 },
  ]
  const table = makeTable(1, rows.slice(0, 4))
  const parser = new LabelMessages(parserOf(rows), (transaction) => table.identityOf(transaction))
  const transaction = transactionOf({})
  for (const index of rows.keys()) parser.parse(Uint8Array.of(index), Number.NaN, transaction)
  assert.equal(table.setLabels(parser.labels), 1)
  const labels = [0, 1, 2, 3].map((row) => [
    table.isLabelled(row) ? table.isFraud(row) : null,
    table.labelMs(row),
  ])
  assert.deepEqual(labels, [
    [false, 30],
    [null, Number.NaN],
    [true, 60],
    [false, 50],
  ])
})
