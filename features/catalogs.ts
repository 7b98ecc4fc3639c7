// Several catalogs at once, as champion and challenger have them: one union, so that what they share is kept, read and computed
// once. It never decides which of two definitions of a name counts: that is a fault.
import { type Catalog, compileCatalog, type Feature, hashOf, isCrowded } from './catalog.ts'
import { uniteExact } from './catalog-exact.ts'
import { type Document, DocumentError, type Fault } from './document.ts'
import { filtersMax } from './layout.ts'

/** One of the catalogs of a union; a feature that others declare too is in each. */
export interface CatalogPart extends Catalog {
  readonly file: string
}

/** Every feature once, in the order of the catalogs. Of a single one, its own features and hash. */
export interface CatalogUnion extends Catalog {
  readonly parts: readonly CatalogPart[]
}

/** Compiles catalogs into their union. Throws DocumentError with the faults of all, and each name that two define differently. */
export function compileCatalogs(documents: readonly Document[]): CatalogUnion {
  const faults: Fault[] = []
  const declared = new Map<string, { readonly feature: Feature; readonly place: string }>()
  const parts: CatalogPart[] = []
  for (const document of documents) {
    const catalog = compileOne(document, faults)
    if (catalog === null) continue
    for (const [index, feature] of catalog.features.entries()) {
      const line = document.lineOf(['features', index])
      const first = declared.get(feature.name)
      const fault = { file: document.file, line, path: `features[${index}]`, hint: null }
      if (first === undefined) {
        declared.set(feature.name, { feature, place: `${document.file}:${line}` })
        const all = [...declared.values()].map((one) => one.feature)
        if (!isCrowded(all, feature) || isCrowded(catalog.features, feature)) continue
        faults.push({
          ...fault,
          expected: `at most ${filtersMax} different conditions for an entity, those of the other catalogs too`,
          found: 'one more',
        })
      } else if (first.feature.definition !== feature.definition) {
        faults.push({
          ...fault,
          expected: `${feature.name} to be what it is at ${first.place}, or another name`,
          found: 'another definition',
        })
      }
    }
    parts.push(Object.freeze({ file: document.file, ...catalog }))
  }
  if (faults.length > 0) throw new DocumentError(faults)
  const features = [...declared.values()].map(({ feature }) => feature)
  const exact = uniteExact(
    parts.map((part) => ({
      exact: part.exact,
      kinds: new Set(part.features.flatMap(({ entity }) => entity ?? [])),
    })),
  )
  return Object.freeze({ features, exact, hash: hashOf(features, exact), parts })
}

function compileOne(document: Document, faults: Fault[]): Catalog | null {
  try {
    return compileCatalog(document)
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    faults.push(...error.faults)
    return null
  }
}
