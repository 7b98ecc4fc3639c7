// `npm run docs`: writes the generated parts of docs/ into the source tree. Run from dist, never imported.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { aggregatesTable, catalogSchema } from './catalog-reference.ts'
import {
  configurationPage,
  configurationSchema,
  errorsTable,
  rejectsTable,
  withGenerated,
} from './reference.ts'
import { metricsPage } from './telemetry/metrics-page.ts'

const docs = resolve(import.meta.dirname, '../../docs')
writeFileSync(resolve(docs, 'configuration.md'), configurationPage())
writeFileSync(resolve(docs, 'weir.schema.json'), configurationSchema())
writeFileSync(resolve(docs, 'catalog.schema.json'), catalogSchema())
writeFileSync(resolve(docs, 'metrics.md'), await metricsPage())
for (const [name, table] of [
  ['errors.md', errorsTable()],
  ['features.md', aggregatesTable()],
  ['mapping.md', rejectsTable()],
] as const) {
  const file = resolve(docs, name)
  writeFileSync(file, withGenerated(readFileSync(file, 'utf8'), table))
}
