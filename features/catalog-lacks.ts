// Holds a catalog against the mapping that it is used with: what a feature asks for has to be there.
import type { Catalog } from './catalog.ts'
import { closest, type Document, DocumentReader, type Path } from './document.ts'
import { type Lack, lackOf } from './plan.ts'
import type { TransactionSchema } from './transaction.ts'

/**
 * Throws DocumentError with every feature of the document's catalog that the mapping cannot deliver, but for those of `shipped`:
 * they are made for any mapping, and a model that wants them takes an absent one.
 */
export function refuseLacking(
  document: Document,
  { features }: Catalog,
  schema: TransactionSchema,
  shipped: Catalog,
): void {
  const reader = new DocumentReader(document)
  const tolerated = new Map(shipped.features.map(({ name, definition }) => [name, definition]))
  for (const [index, feature] of features.entries()) {
    const lack = lackOf(feature, schema)
    if (lack !== null && tolerated.get(feature.name) !== feature.definition)
      tell(reader, ['features', index, lack.key], lack)
  }
  reader.finish()
}

function tell(reader: DocumentReader, path: Path, { found, known, needs }: Lack): void {
  if (needs !== null) {
    reader.fault(path, `\`${needs}\` in the mapping, which ${found} is made of`, found)
    return
  }
  const near = closest(found, known)
  const hint = near === null ? 'or map it' : `did you mean ${near}?`
  reader.fault(path, `what the mapping has: ${known.join(', ') || 'nothing'}`, found, hint)
}
