// Generated transactions as rows, with the planted truth for labels: what the engine knows of each, and what it was.
import { assemble, makePipeline, shipped } from '../../../engine/assemble.ts'
import { batchRowsMax } from '../../../engine/core/limits.ts'
import { RowSource } from '../../../engine/stream/row-source.ts'
import type { Catalog } from '../../../features/catalog.ts'
import {
  type GeneratorParameters,
  generate,
  writeRow,
} from '../../../features/generator/generator.ts'
import { MemoryStore } from '../../../features/store/memory.ts'
import { Verdict } from '../../../features/transaction.ts'
import { RowTable } from '../row-table.ts'

/** Rows of the stream under the shipped mapping and catalog; what comes twice is one row. */
export async function generatedRows(
  parameters: GeneratorParameters & { readonly rows: number },
): Promise<{ table: RowTable; catalog: Catalog }> {
  const { mapping, catalog } = shipped
  const assembly = await assemble({ mapping, catalog, models: [], policy: null })
  const table = new RowTable(assembly.plan.features.length, assembly.plan.schema.primary, 2 ** 30)
  const frauds = new Set<string>()
  const pipeline = makePipeline(assembly, {
    store: new MemoryStore(assembly.plan, { bytesMax: 2 ** 30 }),
    parser: assembly.mapping.parser(),
    hashKey: new Uint8Array(16),
    mode: 'replay',
    source: 'generator',
    clock: null,
    writesDecisions: false,
    onRow: (transaction, rows, at) => {
      const isFraud = frauds.has(transaction.id)
      table.add(transaction, rows, at, isFraud ? Verdict.fraud : Verdict.legit)
    },
  })
  function* made(): Iterable<string> {
    for (const { row, isFraud } of generate(parameters)) {
      if (isFraud) frauds.add(row.transaction_id)
      yield writeRow(row)
    }
  }
  const source = new RowSource(made(), parameters.rows, batchRowsMax, 0)
  for await (const batch of source.batches()) await pipeline.process(batch)
  return { table, catalog: assembly.catalog }
}
