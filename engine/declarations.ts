// Reads what is declared, mapping and catalogs, for the assembly and for threads that parse beside it: all of them must read
// the same. It puts nothing together.
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Document } from '../features/document.ts'
import { compileMapping, type Mapping } from '../features/mapping.ts'
import { readDocument } from './document.ts'

/** Throws DocumentError, or EngineError where a file cannot be read. */
export function readCatalogs(files: string | readonly string[]): Document[] {
  return [files].flat().map((file) => readDocument(file))
}

/** Rates are named relative to the mapping's folder. Throws DocumentError, or EngineError where a file cannot be read. */
export function readMapping(file: string): Mapping {
  return compileMapping(readDocument(file), (name) => {
    const rates = resolve(dirname(file), name)
    return existsSync(rates) ? readDocument(rates) : null
  })
}
