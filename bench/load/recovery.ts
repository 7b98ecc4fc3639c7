// How long a backlog outlives the overload that made it.
import type { LagSample } from './lag.ts'

/** Seconds from `after` on until the lag is at most `lagMax` and stays so; null where that never comes. */
export function recoverySeconds(
  samples: readonly LagSample[],
  after: number,
  lagMax: number,
): number | null {
  let since: number | null = null
  for (const { seconds, transactions } of samples) {
    if (seconds < after) continue
    if (transactions > lagMax) since = null
    else since ??= seconds
  }
  return since === null ? null : since - after
}
