// Rows of every format are the same rows, a large file is drawn from evenly, and what is no file of rows is told.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { EngineError } from '../errors.ts'
import { readRowFile } from './row-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-rows-'))
after(() => {
  rmSync(folder, { recursive: true })
})

const read = (name: string, content: string | Uint8Array, rowsMax = 1000) => {
  writeFileSync(join(folder, name), content)
  return readRowFile(join(folder, name), name, rowsMax)
}

test('the same rows come of CSV, JSON lines, a JSON array and Parquet', async () => {
  const columns = ['id', 'amount', 'hour']
  const rows = [
    { id: 'a, "b"', amount: 1.5, hour: null },
    { id: 'c', amount: -2, hour: 3 },
  ]
  const lines = rows.map((row) => JSON.stringify(row)).join('\n')
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: rows.map(({ id }) => id), type: 'STRING' },
      { name: 'amount', data: rows.map(({ amount }) => amount), type: 'DOUBLE' },
      { name: 'hour', data: rows.map(({ hour }) => hour), type: 'DOUBLE' },
    ],
  })
  const expected = { columns, rows, count: 2 }
  assert.deepEqual(await read('a.jsonl', `${lines}\n`), { file: 'a.jsonl', ...expected })
  assert.deepEqual(await read('a.json', JSON.stringify(rows)), { file: 'a.json', ...expected })
  const { rows: binary, ...rest } = await read('a.parquet', new Uint8Array(parquet))
  assert.deepEqual(rest, { file: 'a.parquet', columns, count: 2 })
  assert.deepEqual(
    binary.map((row) => ({ ...row })),
    rows,
  )
  // Its cells are texts: who knows what they should be reads them.
  const texts = [
    { id: 'a, "b"', amount: '1.5', hour: '' },
    { id: 'c', amount: '-2', hour: '3' },
  ]
  const csv = '\uFEFFid,amount,hour\r\n"a, ""b""",1.5,\r\nc,-2,3'
  assert.deepEqual(await read('a.csv', csv), { file: 'a.csv', columns, rows: texts, count: 2 })
})

test('of many rows as many as are asked for are kept, from all over the file and the same each time', async () => {
  const text = Array.from({ length: 20_000 }, (_, at) => `{"at":${at}}`).join('\n')
  const kept = async () => {
    const { rows, count } = await read('many.jsonl', text, 500)
    assert.equal(count, 20_000)
    return rows.map(({ at }) => at as number)
  }
  const some = await kept()
  assert.equal(new Set(some).size, 500)
  for (let quarter = 0; quarter < 4; quarter++) {
    const inside = some.filter((at) => Math.floor(at / 5000) === quarter).length
    // 125 are expected, with a deviation of 10.
    assert.ok(inside > 75 && inside < 175, `quarter ${quarter}: ${inside}`)
  }
  assert.deepEqual(await kept(), some)
})

test('what is no file of rows is refused with what it is', async () => {
  const refusal = async (name: string, content: string): Promise<string> => {
    const error: unknown = await read(name, content).then(
      () => assert.fail(name),
      (cause: unknown) => cause,
    )
    assert.ok(error instanceof EngineError, String(error))
    assert.equal(error.code, 'input_invalid')
    return error.message
  }
  assert.match(await refusal('b.csv', 'a,b\n1,2\n3'), /reading b\.csv: expected 2 columns.*found 1/)
  assert.match(await refusal('b.jsonl', '{"a":1}\n[1]'), /expected one JSON object for a row/)
  assert.match(await refusal('c.jsonl', '{"a":'), /reading c\.jsonl: /)
  assert.match(await refusal('b.json', '{"rows":[]}'), /expected an array of objects/)
  assert.match(await refusal('b.parquet', 'PAR1 and no more of it'), /reading b\.parquet: /)
  await assert.rejects(readRowFile(join(folder, 'none.csv'), 'none.csv', 1), /reading none\.csv/)
})
