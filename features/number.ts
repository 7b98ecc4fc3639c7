// A mapped field that a feature reads as a number.

/** Plain decimal text; NaN for anything else, and for nothing. */
export function numberOf(text: string | null): number {
  return text !== null && /^-?\d{1,17}(\.\d{1,17})?$/.test(text) ? Number(text) : Number.NaN
}
