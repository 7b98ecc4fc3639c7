// Other models beside the one that was trained: opened through the gate, scored on the rows judged, compared. It writes nothing.

import { type Candidate, readCandidate } from '../../models/gate.ts'
import { type Model, ModelRefusal } from '../../models/model.ts'
import { openModel } from '../../models/open.ts'
import {
  type Comparison,
  type Contender,
  compare,
  modelScores,
} from '../../models/train/comparison.ts'
import { truthOf } from '../../models/train/judgement.ts'
import type { History } from '../../models/train/training.ts'
import type { Assembly } from '../assemble.ts'
import { parseDocument } from '../document.ts'

export class Rivals {
  readonly #models: readonly Model[]
  readonly #isProbability: readonly boolean[]
  readonly #assembly: Assembly

  private constructor(
    models: readonly Model[],
    isProbability: readonly boolean[],
    assembly: Assembly,
  ) {
    this.#models = models
    this.#isProbability = isProbability
    this.#assembly = assembly
  }

  /** Opens all folders, at any speed. Rejects with ModelRefusal that has the faults of all; then none stays open. */
  static async open(folders: readonly string[], assembly: Assembly): Promise<Rivals> {
    const { features } = assembly.catalog
    const definitions = new Map(features.map(({ name, definition }) => [name, definition]))
    const models: Model[] = []
    const candidates: Candidate[] = []
    const refusals: ModelRefusal[] = []
    for (const folder of folders) {
      try {
        models.push(await openModel(folder, definitions, parseDocument))
        candidates.push(readCandidate(folder, definitions, parseDocument))
      } catch (error) {
        if (!(error instanceof ModelRefusal)) throw error
        refusals.push(error)
      }
    }
    const kinds = candidates.map(({ manifest }) => manifest.output.kind !== 'anomaly')
    const rivals = new Rivals(models, kinds, assembly)
    if (refusals.length === 0) return rivals
    await rivals.close()
    throw new ModelRefusal(refusals.flatMap(({ faults }) => faults))
  }

  /** With `own` ahead, if there is one. Null without rivals. */
  async compare(
    { judgedTable, judged }: Pick<History, 'judgedTable' | 'judged'>,
    own: Contender | null,
  ): Promise<Comparison | null> {
    const others: Contender[] = []
    for (const [index, model] of this.#models.entries()) {
      const { features } = this.#assembly.catalog
      others.push({
        name: `${model.name} ${model.version}`,
        scores: await modelScores(model, features, judgedTable, judged),
        isProbability: this.#isProbability[index]!,
      })
    }
    const [reference] = others
    if (reference === undefined) return null
    const { deny } = this.#models[0]!.thresholds
    const contenders = own === null ? others : [own, ...others]
    return compare(contenders, reference, deny, truthOf(judgedTable, judged))
  }

  async close(): Promise<void> {
    await Promise.all(this.#models.map((model) => model.close()))
  }
}
