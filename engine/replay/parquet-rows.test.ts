// Rows as Parquet at their bounds: groups of bounded size, no rows, names and ids of any kind.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { Transaction } from '../../features/transaction.ts'
import { batchRowsMax } from '../core/limits.ts'
import { ParquetRows } from './parquet-rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-parquet-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const file = join(folder, 'rows.parquet')

/** Row n of a stream: its id and two features, one of them absent in every third row. */
async function writeStream(count: number, rowsMax?: number): Promise<void> {
  const rows = await ParquetRows.open(file, [], ['n', 'third'], rowsMax)
  const transaction = new Transaction(1, 0)
  for (let n = 0; n < count; n++) {
    transaction.id = `t${n}`
    rows.write(transaction, Float64Array.of(Number.NaN, n, n % 3 === 0 ? Number.NaN : n / 3), 1)
    if (n % batchRowsMax === batchRowsMax - 1) await rows.flush()
  }
  await rows.close(true)
}

async function readRows(): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(file) })
}

test('rows are written in groups of bounded size, in their order', async () => {
  const count = 10 * batchRowsMax + 7
  await writeStream(count, 3 * batchRowsMax)
  const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(file))
  const sizes = row_groups.map(({ num_rows }) => Number(num_rows))
  assert.deepEqual(sizes, [768, 768, 768, 256 + 7])
  const expected = Array.from({ length: count }, (_, n) => ({
    transaction_id: `t${n}`,
    n,
    third: n % 3 === 0 ? null : n / 3,
  }))
  assert.deepEqual(await readRows(), expected)
})

test('no rows are a file with its columns', async () => {
  await writeStream(0)
  const { schema, num_rows } = await parquetMetadataAsync(await asyncBufferFromFile(file))
  assert.equal(num_rows, 0n)
  assert.deepEqual(
    schema.map(({ name }) => name),
    ['root', 'transaction_id', 'n', 'third'],
  )
})

test('numbers come back bit for bit, but for -0, which is 0 as in every other format', async () => {
  const numbers = [0, -0, 5e-324, Number.MAX_VALUE, -1 / 3, 2 ** 53 + 2, Number.NaN]
  const rows = await ParquetRows.open(file, [], ['x'])
  const transaction = new Transaction(1, 0)
  for (const [at, number] of numbers.entries()) {
    transaction.id = ['ü€😀', '"', '', 'a\nb', 'x'.repeat(3000), '0', '\u0000'][at]!
    rows.write(transaction, Float64Array.of(number), 0)
  }
  await rows.close(true)
  const found = await readRows()
  assert.deepEqual(
    found.map(({ x }) => x),
    [0, 0, 5e-324, Number.MAX_VALUE, -1 / 3, 2 ** 53 + 2, null],
  )
  assert.equal(found[0]!['transaction_id'], 'ü€😀')
  assert.equal(String(found[4]!['transaction_id']).length, 3000)
  assert.equal(found[6]!['transaction_id'], '\u0000')
})

test('a file in a folder that has gone is told', async () => {
  const gone = join(folder, 'gone', 'rows.parquet')
  await assert.rejects(ParquetRows.open(gone, [], ['x']), /writing .*rows\.parquet/)
  assert.equal(existsSync(gone), false)
})
