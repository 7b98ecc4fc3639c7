// `npm run docs`: writes the generated parts of docs/ into the source tree. Run from dist, never imported.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { configurationPage, configurationSchema, errorsTable, withGenerated } from './reference.ts'
import { metricsPage } from './telemetry/metrics-page.ts'

const docs = resolve(import.meta.dirname, '../../docs')
const errors = resolve(docs, 'errors.md')
writeFileSync(resolve(docs, 'configuration.md'), configurationPage())
writeFileSync(resolve(docs, 'weir.schema.json'), configurationSchema())
writeFileSync(resolve(docs, 'metrics.md'), await metricsPage())
writeFileSync(errors, withGenerated(readFileSync(errors, 'utf8'), errorsTable()))
