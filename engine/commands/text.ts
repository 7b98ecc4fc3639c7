// How numbers and tables look in what commands print for people. Not for files and topics, whose form is fixed elsewhere.

/** 1234567 → 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** Minor units with two decimals: 1234567 → 12,345.67. */
export function money(minor: number): string {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 }
  return (minor / 100).toLocaleString('en-US', digits)
}

/** `3.4 %`, with as many digits as say something; a dash where there is no whole. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–'
  const share = (part / whole) * 100
  return `${share.toFixed(share === 0 || share >= 10 ? 0 : share >= 1 ? 1 : 2)} %`
}

const unitsMs = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** A span in its largest unit: `3.5 days`, `1 hour`, `20 seconds`. */
export function duration(ms: number): string {
  for (const [unit, unitMs] of unitsMs) {
    if (ms < unitMs) continue
    const text = (ms / unitMs).toFixed(1).replace('.0', '')
    return `${text} ${unit}${text === '1' ? '' : 's'}`
  }
  return `${Math.round(ms)} ms`
}

/** Rows as aligned lines: columns of numbers (below a first row, which may be the head) to the right,
 * everything else to the left. Two spaces between columns. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]!.length)))
  const isNumeric = widths.map((_, c) => rows.slice(1).every((row) => /^[–\d.,+-]/.test(row[c]!)))
  return rows.map((row) =>
    row
      .map((cell, c) => (isNumeric[c] ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd(),
  )
}
