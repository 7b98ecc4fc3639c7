// A sidecar over the default catalog without a model, as `weir serve` puts it together, with a store whose faults a test
// can choose. Replicas share the store and the place for answers.
import { compileCatalog } from '../../../features/catalog.ts'
import { compileMapping } from '../../../features/mapping.ts'
import { Plan } from '../../../features/plan.ts'
import {
  corpusMapping,
  corpusReceivedMs,
  transactionJson,
} from '../../../features/testing/corpus.ts'
import { type Assembly, makePipeline, shipped } from '../../assemble.ts'
import { systemClock } from '../../clock.ts'
import { DirectIntake } from '../../core/intake.ts'
import { scorelessLineup } from '../../core/lineup.ts'
import { defaultPolicy } from '../../core/policy.ts'
import type { Answers, Log, Outflow } from '../../core/ports.ts'
import { readDocument } from '../../document.ts'
import { Intake } from '../intake.ts'
import { KeptAnswers } from '../kept-answers.ts'
import type { Reply } from '../reply.ts'
import type { Serving } from '../routes.ts'
import { Sidecar, type SidecarParts } from '../sidecar.ts'
import { GatedStore } from './gated-store.ts'

/** With labels and reversals. */
export const mappingDocument = {
  ...corpusMapping,
  kind: {
    field: 'type',
    reversal: ['reversal'],
    decline: ['decline'],
    label: ['label'],
    at: { field: 'at', as: 'iso' },
  },
  label: { field: 'verdict', fraud: ['1'], legit: ['0'], time: { field: 'at', as: 'iso' } },
}

export const hashKey = Buffer.from('00112233445566778899aabbccddeeff', 'hex')

/** Long enough that no busy machine reaches it. */
export const patientMs = 60_000

export interface WorldOptions {
  readonly store?: GatedStore
  readonly shared?: Answers | null
  readonly outflow?: Outflow
  readonly waitingMax?: number
  readonly standIn?: SidecarParts['standInOutcome']
  /** Changes every decision, as a swapped model does. */
  readonly fallback?: 'approve' | 'review'
}

const compiled = makeAssembly()

export class SidecarWorld {
  readonly sidecar: Sidecar
  readonly store: GatedStore
  readonly intake: Intake
  readonly serving: Serving
  readonly said: string[] = []
  isReady = true

  constructor(options: WorldOptions = {}) {
    const { fallback = 'review' } = options
    const policy = { ...compiled.lineup.seats[0]!.policy, fallback, name: fallback }
    this.store = options.store ?? new GatedStore(compiled.plan)
    this.intake = new Intake(compiled.mapping.parser(), compiled.plan, hashKey)
    const say = (_: object, message: string): void => {
      this.said.push(message)
    }
    const log: Log = { info: say, warn: say, error: say }
    this.sidecar = new Sidecar({
      pipeline: makePipeline(
        { ...compiled, lineup: scorelessLineup(policy) },
        {
          store: this.store,
          parser: this.intake,
          intake: new DirectIntake(this.intake, this.intake),
          hashKey,
          mode: 'serve',
          source: 'calls',
          clock: systemClock,
        },
      ),
      intake: this.intake,
      kept: new KeptAnswers({ horizonMs: 3_600_000, bytesMax: 1 << 24, clock: systemClock }),
      shared: options.shared ?? null,
      outflow: options.outflow ?? null,
      standInOutcome: options.standIn ?? 'review',
      waitingMax: options.waitingMax ?? 1024,
      clock: systemClock,
      log,
    })
    this.serving = {
      sidecar: this.sidecar,
      intake: this.intake,
      clock: { ...systemClock, nowMs: () => corpusReceivedMs },
      deadlineMs: patientMs,
      body: { bytesMax: 1024 * 1024, msMax: patientMs },
      metrics: null,
      isReady: () => this.isReady,
      scorer: () => 'cpu',
    }
  }

  /** The reply to a transaction with these changes. */
  ask(change: Readonly<Record<string, unknown>>, deadlineMs = patientMs): Promise<Reply> {
    return this.sidecar.answer({
      body: Buffer.from(transactionJson(change)),
      arrivedMs: corpusReceivedMs,
      dueUs: systemClock.monotonicUs() + deadlineMs * 1000,
      traceparent: null,
    })
  }

  /** Another pipeline over the same journals, as the stream has. */
  pipeline() {
    return makePipeline(compiled, {
      store: this.store,
      parser: compiled.mapping.parser(),
      hashKey,
      mode: 'stream',
      source: 'transactions',
      clock: null,
    })
  }
}

export interface DecisionDocument {
  readonly type: string
  readonly outcome?: string
  readonly rung?: string
  readonly degraded?: readonly string[]
  readonly features?: Readonly<Record<string, number | null>>
}

export function documentOf(reply: Pick<Reply, 'body'>): DecisionDocument {
  return JSON.parse(reply.body) as DecisionDocument
}

/** The default catalog without a model. */
export function makeAssembly(): Assembly {
  const mapping = compileMapping({
    file: 'mapping.yaml',
    value: mappingDocument,
    lineOf: () => 0,
  })
  const catalog = compileCatalog(readDocument(shipped.catalog))
  return {
    mapping,
    catalog,
    plan: new Plan(catalog, mapping.schema),
    lineup: scorelessLineup(defaultPolicy({ review: 0.5, deny: 0.9 })),
    engineVersion: '0.0.0',
  }
}
