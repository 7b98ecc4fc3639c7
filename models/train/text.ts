// How numbers are written for people, in cards and tables.

/** 1234567 → 1,234,567. */
export function whole(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** 0.01234 → 1.2 %. */
export function percent(value: number): string {
  return `${(value * 100).toFixed(value !== 0 && value < 0.01 ? 2 : 1)} %`
}
