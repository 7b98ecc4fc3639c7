// A replay streams: what it holds after a file of 35 MB is what it held after the first tenth of it.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MemoryStore } from '../../features/store/memory.ts'
import { assemble, makePipeline } from '../assemble.ts'
import { batchRowsMax } from '../core/limits.ts'
import { openFile } from '../stream/file-source.ts'
import { FileLines } from '../stream/line-files.ts'
import { type RowSink, TextRows } from './feature-rows.ts'
import { ParquetRows } from './parquet-rows.ts'
import { replay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-memory-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const inFolder = (name: string): string => join(folder, name)

const mapping = `format: csv
id: id
time: { field: time, as: epoch_ms }
amount: { field: amount, decimals: 2 }
currency: { const: EUR }
primary: card
entities: { card: card, merchant: merchant }
`
const catalog = `features:
  - { name: card_count_1d, entity: card, aggregate: count, window: 1d }
  - { name: merchant_sum_1h, entity: merchant, aggregate: sum, window: 1h }
`

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that are in use, in the heap and beside it. */
function heldBytes(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const count = 300_000

/** So few ids that every journal has its full length after a tenth: what it keeps exactly, and sums for the rest. */
function writeHistory(): void {
  const note = 'x'.repeat(80)
  const lines = ['id,time,amount,card,merchant,note']
  for (let n = 0; n < count; n++) {
    lines.push(`t${n},${1.7e12 + n * 100},${n % 977}.25,c${n % 13},m${n % 7},${note}`)
  }
  writeFileSync(inFolder('history.csv'), lines.join('\n'))
}

/** Rows to `text` and as Parquet. */
async function openBoth(text: RowSink, names: readonly string[]): Promise<RowSink> {
  // Groups that are full many times before the first tenth.
  const parquet = await ParquetRows.open(inFolder('features.parquet'), [], names, 4096)
  const sinks = [text, parquet]
  return {
    write: (transaction, values, at) => {
      for (const sink of sinks) sink.write(transaction, values, at)
    },
    flush: async () => {
      await Promise.all(sinks.map((sink) => sink.flush()))
    },
    close: async (isWhole) => {
      await Promise.all(sinks.map((sink) => sink.close(isWhole)))
    },
  }
}

test('memory does not grow with the input, nor with what is written', async () => {
  writeHistory()
  writeFileSync(inFolder('map.yaml'), mapping)
  writeFileSync(inFolder('catalog.yaml'), catalog)
  const assembly = await assemble({
    mapping: inFolder('map.yaml'),
    catalog: inFolder('catalog.yaml'),
    models: [],
    policy: null,
  })
  const source = await openFile(inFolder('history.csv'), assembly.mapping, batchRowsMax, 0)
  const [decisions, features] = await Promise.all(
    ['decisions.jsonl', 'features.csv'].map((name) => FileLines.open(inFolder(name))),
  )
  const names = assembly.plan.features.map(({ name }) => name)
  const rows = await openBoth(new TextRows(features!, 'csv', [], names), names)
  const pipeline = makePipeline(assembly, {
    store: new MemoryStore(assembly.plan, { bytesMax: 2 ** 28 }),
    parser: assembly.mapping.parser(source.columns!),
    hashKey: new Uint8Array(16),
    mode: 'replay',
    source: 'file',
    clock: null,
    onRow: (transaction, values, at) => {
      rows.write(transaction, values, at)
    },
  })
  const held: number[] = []
  const tally = await replay({
    source,
    pipeline,
    decisions: decisions!,
    features: rows,
    progress: {
      update: (done) => {
        if (done >= (held.length + 1) * (count / 10)) held.push(heldBytes())
      },
      end: () => undefined,
    },
    messagesMax: Number.POSITIVE_INFINITY,
    stop: new AbortController().signal,
  })
  await Promise.all([decisions!.close(), rows.close(true), source.close()])
  assert.equal(tally.messages, count)
  assert.ok(statSync(inFolder('history.csv')).size > 30e6)
  assert.ok(statSync(inFolder('decisions.jsonl')).size > 150e6)
  assert.ok(statSync(inFolder('features.parquet')).size > 3e6)
  const growth = Math.max(...held.slice(1)) - held[0]!
  assert.ok(growth < 8e6, `${(growth / 1e6).toFixed(1)} MB more than after the first tenth`)
})
