// How figures and names are written in reports. Nothing is decided here.
import type { Figure } from './statistics.ts'

/** `engine cpu us per decision` */
export function words(measure: string): string {
  return measure.replaceAll('_', ' ')
}

export function show(value: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return value.toPrecision(3)
}

/** The median where it may be claimed; otherwise why not. */
export function claim({ median, refusal }: Figure): string {
  return refusal ?? show(median)
}

/** Lowest … highest; one number where they are the same. */
export function range({ lowest, highest }: Figure): string {
  return lowest === highest ? show(lowest) : `${show(lowest)} … ${show(highest)}`
}

/** Cells of a table are one line. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

/** The place that a heading gets on GitHub. */
export function anchor(heading: string): string {
  const kept = heading.toLowerCase().replace(/[^a-z0-9 _-]/g, '')
  return `#${kept.replaceAll(' ', '-')}`
}
