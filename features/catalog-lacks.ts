// Holds a catalog against the mapping that it is used with: what a feature asks for has to be there.
import { type Catalog, draftExact, draftFeatures } from './catalog.ts'
import { closest, type Document, DocumentReader, type Path } from './document.ts'
import { type Lack, lacksOf } from './plan.ts'
import type { TransactionSchema } from './transaction.ts'

/**
 * Throws DocumentError with all that the mapping cannot deliver of the document's features, also where the document has other
 * faults, but for features of `shipped`: they are made for any mapping, and a model that wants them takes an absent one.
 */
export function refuseLacking(
  document: Document,
  schema: TransactionSchema,
  shipped: Catalog,
): void {
  const reader = new DocumentReader(document)
  const tolerated = new Map(shipped.features.map(({ name, definition }) => [name, definition]))
  const features = draftFeatures(document)
  for (const [index, feature] of features.entries()) {
    if (tolerated.get(feature.name) === feature.definition) continue
    for (const lack of lacksOf(feature, schema)) {
      // What is no name was told as such.
      if (lack.found !== '') tell(reader, ['features', index, lack.key], lack)
    }
  }
  const kinds = [
    ...new Set([...schema.entities, ...features.flatMap(({ entity }) => entity || [])]),
  ]
  for (const kind of Object.keys(draftExact(document))) {
    if (kinds.includes(kind)) continue
    const near = closest(kind, kinds)
    const hint = near === null ? 'or leave it out' : `did you mean ${near}?`
    reader.fault(['exact', kind], `an entity that there is: ${kinds.join(', ')}`, kind, hint)
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
