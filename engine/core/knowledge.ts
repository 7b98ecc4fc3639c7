// What a pipeline knows of the batch at hand. Only a place: who fills it and who reads it are in files of their own.
import type { Observation } from '../../features/observation.ts'
import type { Plan } from '../../features/plan.ts'
import { Taken } from './intake.ts'
import { batchRowsMax } from './limits.ts'
import { Found } from './reasons.ts'

/** What is known of a batch, one row per transaction. Owned by the pipeline, sized once, filled anew per batch. */
export class Knowledge {
  readonly taken: Taken
  /** Of what was taken in. */
  readonly batch: Observation
  readonly featureCount: number
  /** Features of a row from row * featureCount on; NaN is absent. */
  readonly rows: Float64Array
  readonly approximate: Uint8Array
  readonly lateMs = new Float64Array(batchRowsMax)
  /** Of the model that decides, rounded; NaN where there is none. */
  readonly scores = new Float64Array(batchRowsMax).fill(Number.NaN)
  /** The seat whose model decides. */
  readonly seat = new Uint8Array(batchRowsMax)
  /** Index into `outcomes`. */
  readonly outcome = new Uint8Array(batchRowsMax)
  readonly found = new Found(batchRowsMax)

  constructor(plan: Plan) {
    this.taken = new Taken(plan)
    this.batch = this.taken.batch
    this.featureCount = plan.features.length
    this.rows = new Float64Array(batchRowsMax * plan.features.length)
    this.approximate = new Uint8Array(batchRowsMax * plan.features.length)
  }
}
