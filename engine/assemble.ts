// Puts a deployment together from its documents: mapping, catalog, model, policy. Used by every command and the
// benchmarks, so that all of them decide with the same parts. Everything is checked here, before the first transaction.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Addresser, AnswerSeal } from '../features/answer.ts'
import type { Catalog } from '../features/catalog.ts'
import { refuseLacking } from '../features/catalog-lacks.ts'
import { type CatalogUnion, compileCatalogs } from '../features/catalogs.ts'
import { type Document, DocumentError, type Fault } from '../features/document.ts'
import { Fold } from '../features/fold.ts'
import { compileMapping, type Mapping } from '../features/mapping.ts'
import { Plan } from '../features/plan.ts'
import { Encoder } from '../features/record.ts'
import type { Store } from '../features/store/store.ts'
import type { Parser } from '../features/transaction.ts'
import type { Model } from '../models/model.ts'
import { openModel } from '../models/open.ts'
import type { Deciders } from './core/decision.ts'
import { GivenAnswers } from './core/given-answers.ts'
import { Pipeline, type PipelineParts } from './core/pipeline.ts'
import { compilePolicy, defaultPolicy, type Policy } from './core/policy.ts'
import { type Answers, type Clock, type Log, type Meter, noMeter } from './core/ports.ts'
import { parseDocument, readDocument } from './document.ts'

/** The shipped parts, by their place in the repository. */
export const shipped = {
  catalog: rootFile('features/default-catalog.yaml'),
  model: rootFile('models/default-v2'),
  mapping: rootFile('features/generator/mapping.yaml'),
} as const

/** Files of a deployment. `model` null: no score; `policy` null: the model's own thresholds. */
export interface AssemblyFiles {
  readonly mapping: string
  /** One file, or several that are computed at once. */
  readonly catalog: string | readonly string[]
  readonly model: string | null
  readonly policy: string | null
}

export interface Assembly {
  readonly mapping: Mapping
  readonly catalog: Catalog
  readonly plan: Plan
  readonly model: Model | null
  readonly policy: Policy
  readonly engineVersion: string
}

/** An assembly of files: which of them declares what is known. */
export interface Assembled extends Assembly {
  readonly catalog: CatalogUnion
}

/**
 * Reads and compiles all files. Throws DocumentError with the faults of mapping, catalog and policy together,
 * or ModelRefusal with what the gate refused. `clock` null: a model may be slower than the budget allows.
 */
export async function assemble(
  files: AssemblyFiles,
  clock: Clock | null = null,
): Promise<Assembled> {
  const faults: Fault[] = []
  const attempt = <T>(compile: () => T): T | null => {
    try {
      return compile()
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error
      faults.push(...error.faults)
      return null
    }
  }
  const mapping = attempt(() => readMapping(files.mapping))
  const documents = attempt(() => readCatalogs(files.catalog))
  const catalog = documents && attempt(() => compileCatalogs(documents))
  for (const document of documents ?? []) {
    attempt(() => {
      if (mapping) refuseLacking(document, mapping.schema, shippedCatalog())
    })
  }
  const policyDocument = files.policy === null ? null : attempt(() => readDocument(files.policy!))
  // Thresholds fall back on the model's, which is opened last: here only the document's own faults matter.
  if (policyDocument) attempt(() => compilePolicy(policyDocument, noModelThresholds))
  if (mapping === null || catalog === null || faults.length > 0) throw new DocumentError(faults)

  const definitions = new Map(catalog.features.map(({ name, definition }) => [name, definition]))
  const monotonicUs = clock && (() => clock.monotonicUs())
  const model =
    files.model === null
      ? null
      : await openModel(files.model, definitions, parseDocument, { monotonicUs })
  const suggested = model?.thresholds ?? noModelThresholds
  const policy = policyDocument
    ? compilePolicy(policyDocument, suggested)
    : defaultPolicy(suggested)
  const plan = new Plan(catalog, mapping.schema)
  return { mapping, catalog, plan, model, policy, engineVersion: engineVersion() }
}

/** True if catalogs declare every feature of the shipped one as that does: then the shipped model can read their rows. */
export function hasShippedFeatures(catalogFiles: readonly string[]): boolean {
  let catalog: CatalogUnion
  try {
    catalog = compileCatalogs(readCatalogs(catalogFiles))
  } catch (error) {
    // Whoever assembles with it will be told all its faults.
    if (error instanceof DocumentError) return false
    throw error
  }
  const own = new Map(catalog.features.map(({ name, definition }) => [name, definition]))
  return shippedCatalog().features.every(({ name, definition }) => own.get(name) === definition)
}

function shippedCatalog(): CatalogUnion {
  return compileCatalogs(readCatalogs(shipped.catalog))
}

export interface PipelineOptions {
  readonly store: Store
  readonly parser: Parser
  readonly hashKey: Uint8Array
  readonly mode: Deciders['mode']
  /** Name of the source in decisions: a topic, or `file`. */
  readonly source: string
  readonly clock: Clock | null
  readonly meter?: Meter
  /** Where the answers of calls are kept that may come with messages. */
  readonly calls?: { readonly kept: Answers; readonly log: Log }
  readonly onRow?: PipelineParts['onRow']
  readonly writesDecisions?: boolean
}

/** One pipeline over the assembly's parts. It has buffers of its own; the model is shared, one call at a time. */
export function makePipeline(assembly: Assembly, options: PipelineOptions): Pipeline {
  const { mapping, catalog, plan, model, policy, engineVersion } = assembly
  const { store, parser, hashKey, mode, source, clock, meter, calls, onRow, writesDecisions } =
    options
  const given =
    calls &&
    new GivenAnswers({
      ...calls,
      seal: new AnswerSeal(hashKey),
      addresser: new Addresser(hashKey, plan.primary),
    })
  return new Pipeline({
    parser,
    plan,
    encoder: new Encoder(plan, hashKey),
    fold: new Fold(plan),
    store,
    model,
    deciders: {
      model: model && { name: model.name, version: model.version, hash: model.hash },
      policy,
      catalogHash: catalog.hash,
      mappingHash: mapping.hash,
      engineVersion,
      mode,
      source,
    },
    clock,
    meter: meter ?? noMeter,
    given: given ?? null,
    onRow: onRow ?? null,
    writesDecisions: writesDecisions ?? true,
  })
}

function readCatalogs(files: string | readonly string[]): Document[] {
  return [files].flat().map((file) => readDocument(file))
}

/** Rates are named relative to the mapping's folder. */
function readMapping(file: string): Mapping {
  return compileMapping(readDocument(file), (name) => {
    const rates = resolve(dirname(file), name)
    return existsSync(rates) ? readDocument(rates) : null
  })
}

/** Never reached: without a model there is no score to compare. */
const noModelThresholds = { review: 0.5, deny: 0.9 }

function engineVersion(): string {
  const text = readFileSync(rootFile('package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function rootFile(path: string): string {
  return fileURLToPath(import.meta.resolve(`#root/${path}`))
}
