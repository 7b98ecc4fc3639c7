// The search for the highest load that holds: doubled until one does not, then halved in between, so many times and no more.
// It knows nothing of what holds.

export interface Search {
  /** First load tried, and the most. */
  readonly from: number
  readonly to: number
  /** Times that the gap between what held and what did not is halved. */
  readonly halvings: number
  /** A load counts as failed after so many tries: on a shared machine one says little. */
  readonly tries: number
}

export interface Knee {
  /** 0: not even the first. */
  readonly held: number
  /** Infinite: even the most held. */
  readonly failed: number
}

export async function findKnee(
  search: Search,
  holds: (load: number) => Promise<boolean>,
): Promise<Knee> {
  const { from, to, halvings, tries } = search
  const isHeld = async (load: number): Promise<boolean> => {
    for (let left = tries; left > 0; left--) if (await holds(load)) return true
    return false
  }
  let held = 0
  let failed = Number.POSITIVE_INFINITY
  for (let load = from; failed === Number.POSITIVE_INFINITY && load <= to; load *= 2) {
    if (await isHeld(load)) held = load
    else failed = load
  }
  if (failed === Number.POSITIVE_INFINITY) return { held, failed }
  for (let left = halvings; left > 0; left--) {
    // Of loads the ratio matters, not the difference.
    const load = held === 0 ? failed / 2 : Math.round(Math.sqrt(held * failed))
    if (await isHeld(load)) held = load
    else failed = load
  }
  return { held, failed }
}
