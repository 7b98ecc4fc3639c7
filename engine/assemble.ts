// Puts a deployment together from its documents: mapping, catalog, model, policy. Used by every command and the
// benchmarks, so that all of them decide with the same parts. Everything is checked here, before the first transaction.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Addresser, AnswerSeal } from '../features/answer.ts'
import type { Catalog } from '../features/catalog.ts'
import { refuseLacking } from '../features/catalog-lacks.ts'
import { type CatalogUnion, compileCatalogs } from '../features/catalogs.ts'
import { closest, type Document, DocumentError, type Fault } from '../features/document.ts'
import { Fold } from '../features/fold.ts'
import type { Mapping } from '../features/mapping.ts'
import { Plan } from '../features/plan.ts'
import { Encoder } from '../features/record.ts'
import type { Store } from '../features/store/store.ts'
import type { Parser } from '../features/transaction.ts'
import { type Model, ModelRefusal } from '../models/model.ts'
import { type OpenOptions, openModel } from '../models/open.ts'
import type { Deciders } from './core/decision.ts'
import { GivenAnswers } from './core/given-answers.ts'
import { DirectIntake, type Intake } from './core/intake.ts'
import type { Lineup, Seat } from './core/lineup.ts'
import { Pipeline, type PipelineParts } from './core/pipeline.ts'
import {
  compilePolicy,
  defaultPolicy,
  type Policy,
  type SuggestedThresholds,
} from './core/policy.ts'
import { type Answers, type Clock, type Log, type Meter, noMeter } from './core/ports.ts'
import { compileVocabulary, type Vocabulary } from './core/reasons.ts'
import { readCatalogs, readMapping } from './declarations.ts'
import { parseDocument, readDocument } from './document.ts'

/** The shipped parts, by their place in the repository. */
export const shipped = {
  catalog: rootFile('features/default-catalog.yaml'),
  model: rootFile('models/default-v3'),
  mapping: rootFile('features/generator/mapping.yaml'),
  reasons: rootFile('models/default-reasons.yaml'),
} as const

/** A model folder, and of a challenger the cohorts that it decides for. */
export interface SeatFiles {
  readonly folder: string
  readonly share: number
}

/** Files of a deployment. */
export interface AssemblyFiles {
  readonly mapping: string
  /** One file, or several that are computed at once. */
  readonly catalog: string | readonly string[]
  /** The champion first; none: no score. */
  readonly models: readonly SeatFiles[]
  /** Null: each model's own thresholds. */
  readonly policy: string | null
}

export interface AssemblyOptions {
  /** Null: a model may be slower than the budget allows. */
  readonly clock?: Clock | null
  /** Entity that puts transactions into cohorts; '' for the primary one. */
  readonly rolloutBy?: string
  /** How models are run. */
  readonly scoring?: Omit<OpenOptions, 'monotonicUs'>
}

export interface Assembly {
  readonly mapping: Mapping
  readonly catalog: Catalog
  readonly plan: Plan
  readonly lineup: Lineup
  readonly engineVersion: string
}

/** An assembly of files: which of them declares what is known. */
export interface Assembled extends Assembly {
  readonly catalog: CatalogUnion
  /** Where the models of the lineup came from, in its order. */
  readonly modelFolders: readonly string[]
  /** The policy of a model with these thresholds. */
  policyOf(suggested: SuggestedThresholds): Policy
}

/**
 * Reads and compiles all files. Throws DocumentError with the faults of mapping, catalog and policy together,
 * or ModelRefusal with what the gate refused of all models.
 */
export async function assemble(
  files: AssemblyFiles,
  { clock = null, rolloutBy = '', scoring = {} }: AssemblyOptions = {},
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
  const policyOf = attempt(() => readPolicy(files.policy, catalog))
  if (mapping === null || catalog === null || policyOf === null || faults.length > 0) {
    throw new DocumentError(faults)
  }
  const plan = new Plan(catalog, mapping.schema)
  const cohortEntity = cohortEntityOf(plan, rolloutBy)
  const monotonicUs = clock && (() => clock.monotonicUs())
  const seats = await openSeats(files.models, catalog, policyOf, { ...scoring, monotonicUs })
  return {
    ...{ mapping, catalog, plan, policyOf },
    lineup: { seats, cohortEntity },
    modelFolders: files.models.map(({ folder }) => folder),
    engineVersion: engineVersion(),
  }
}

/** Opens all models, or none. Rejects with ModelRefusal that has the faults of all. */
async function openSeats(
  files: readonly SeatFiles[],
  catalog: CatalogUnion,
  policyOf: Assembled['policyOf'],
  options: OpenOptions,
): Promise<Seat[]> {
  if (files.length === 0) return [{ model: null, policy: policyOf(noModelThresholds), share: 0 }]
  const definitions = new Map(catalog.features.map(({ name, definition }) => [name, definition]))
  const opened: (Model | ModelRefusal)[] = []
  // One after the other: each takes the time of a row.
  for (const { folder } of files) {
    try {
      opened.push(await openModel(folder, definitions, parseDocument, options))
    } catch (error) {
      if (!(error instanceof ModelRefusal)) throw error
      opened.push(error)
    }
  }
  const faults = opened.flatMap((one) => (one instanceof ModelRefusal ? one.faults : []))
  const models = opened.filter((one): one is Model => !(one instanceof ModelRefusal))
  if (faults.length > 0) {
    await Promise.all(models.map((model) => model.close()))
    throw new ModelRefusal(faults)
  }
  return models.map((model, at) => {
    return { model, policy: policyOf(model.thresholds), share: files[at]!.share }
  })
}

/** Throws DocumentError, with the faults that no model's thresholds could change. */
function readPolicy(file: string | null, catalog: CatalogUnion | null): Assembled['policyOf'] {
  const features = catalog && new Set(catalog.features.map(({ name }) => name))
  const vocabulary = features && shippedVocabulary(features)
  if (file === null) return (suggested) => defaultPolicy(suggested, vocabulary)
  const document = readDocument(file)
  const read = (name: string): Document | null => {
    const beside = resolve(dirname(file), name)
    return existsSync(beside) ? readDocument(beside) : null
  }
  const policyOf = (suggested: SuggestedThresholds): Policy =>
    compilePolicy(document, { suggested, features, vocabulary, read })
  policyOf(noModelThresholds)
  return policyOf
}

/** What the shipped vocabulary says of the features that a catalog has; null where it has others. */
function shippedVocabulary(features: ReadonlySet<string>): Vocabulary | null {
  const own = new Set(shippedCatalog().features.map(({ name }) => name))
  const vocabulary = compileVocabulary(readDocument(shipped.reasons), own)
  return [...vocabulary.byFeature.keys()].every((name) => features.has(name)) ? vocabulary : null
}

/** Throws DocumentError where the plan has no such entity. */
function cohortEntityOf(plan: Plan, kind: string): number {
  if (kind === '') return plan.primary
  const kinds = plan.journals.map((journal) => journal.kind)
  const at = kinds.indexOf(kind)
  if (at >= 0) return at
  const expected = `an entity of the catalog: ${kinds.join(', ')}`
  const near = closest(kind, kinds)
  const hint = near === null ? null : `did you mean ${near}?`
  const fault = { file: 'configuration', line: 0, path: 'rollout_by', expected, found: kind, hint }
  throw new DocumentError([fault])
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
  /** Whoever takes messages in, or the parser of those that are taken in here. */
  readonly intake?: Intake
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
  /** False leaves the values of features out of decisions. */
  readonly hasFeatures?: boolean
  /** Since a batch was begun; infinite where nobody waits. */
  readonly challengersMs?: number
  readonly log?: Log
}

/** One pipeline over the assembly's parts. It has buffers of its own; the model is shared, one call at a time. */
export function makePipeline(assembly: Assembly, options: PipelineOptions): Pipeline {
  const { mapping, catalog, plan, lineup, engineVersion } = assembly
  const { store, parser, hashKey, mode, source, clock, meter, calls, onRow, log } = options
  const given =
    calls &&
    new GivenAnswers({
      ...calls,
      seal: new AnswerSeal(hashKey),
      addresser: new Addresser(hashKey, plan.primary),
    })
  return new Pipeline({
    intake: options.intake ?? new DirectIntake(parser, new Encoder(plan, hashKey)),
    plan,
    fold: new Fold(plan),
    store,
    lineup,
    deciders: {
      catalogHash: catalog.hash,
      mappingHash: mapping.hash,
      engineVersion,
      mode,
      source,
      hasFeatures: options.hasFeatures ?? true,
    },
    clock,
    meter: meter ?? noMeter,
    given: given ?? null,
    onRow: onRow ?? null,
    writesDecisions: options.writesDecisions ?? true,
    challengerUs: 1000 * (options.challengersMs ?? Number.POSITIVE_INFINITY),
    onChallengerFailure: (name, error) => {
      log?.warn({ challenger: name, error }, 'a challenger failed: decided without it')
    },
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
