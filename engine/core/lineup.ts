// Who scores and who decides: the champion, and challengers that score beside it or decide for a share of the entities.
// Immutable: a swap makes a new one.
import type { Model } from '../../models/model.ts'
import type { Policy } from './policy.ts'

/** A model's place, with the policy that its scores are read by. */
export interface Seat {
  /** Null decides by the policy's default alone. */
  readonly model: Model | null
  readonly policy: Policy
  /** Of `cohortCount` cohorts, those that a challenger decides for; 0 only scores beside the champion. */
  readonly share: number
}

export interface Lineup {
  /** The champion first: it decides for all cohorts that no challenger has. */
  readonly seats: readonly Seat[]
  /** The entity whose id puts a transaction into a cohort: an index into the plan's journals. */
  readonly cohortEntity: number
}

/** Without a model the policy's default decides. */
export function scorelessLineup(policy: Policy): Lineup {
  return { seats: [{ model: null, policy, share: 0 }], cohortEntity: 0 }
}

/** Shares are hundredths of a percent. */
export const cohortCount = 10_000

/**
 * By cohort, the seat that decides for it. Challengers have their cohorts from 0 on, one after the other: while the first
 * grows, nobody who was with it leaves it.
 */
export function seatsByCohort({ seats }: Lineup): Uint8Array {
  const byCohort = new Uint8Array(cohortCount)
  let from = 0
  for (let seat = 1; seat < seats.length; seat++) {
    const end = Math.min(cohortCount, from + seats[seat]!.share)
    byCohort.fill(seat, from, end)
    from = end
  }
  return byCohort
}

/** Closes every model of it. Called once nobody scores with it any more. */
export async function closeLineup({ seats }: Lineup): Promise<void> {
  await Promise.all(seats.flatMap(({ model }) => (model === null ? [] : [model.close()])))
}
