// The "minimal standard" generator (Park and Miller 1993, multiplier 48271): a few lines in any language, so that another
// library can be asked about the very same numbers.

/** Whole numbers in [1, 2^31 − 1), the same for the same seed. */
export function minstd(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647)
}
