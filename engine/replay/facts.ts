// What rows can say of their transaction beside its features, for whoever trains on them: `--with`. Never part of a row
// unasked: a label in a table of features is the most common way to train on the answer.
import { type Transaction, Verdict } from '../../features/transaction.ts'
import type { FactColumn } from './feature-rows.ts'

export const factNames = ['time', 'amount', 'label'] as const
export type FactName = (typeof factNames)[number]

/** A verdict and when it was known; NaN without one. */
export interface KnownLabel {
  readonly verdict: Verdict
  readonly atMs: number
}

/** The columns of the facts that were asked for, in the order of `factNames`. `labelOf`: the last that is known. */
export function factColumns(
  names: readonly FactName[],
  labelOf: (transaction: Transaction) => KnownLabel,
): FactColumn[] {
  const columns: Record<FactName, readonly FactColumn[]> = {
    time: [{ name: 'time_ms', of: ({ timeMs }) => timeMs }],
    amount: [{ name: 'amount_minor', of: ({ amountMinor }) => amountMinor }],
    label: [
      { name: 'label', of: (transaction) => targets[labelOf(transaction).verdict] },
      { name: 'label_ms', of: (transaction) => labelOf(transaction).atMs },
    ],
  }
  return factNames.filter((name) => names.includes(name)).flatMap((name) => columns[name])
}

/** The label that stands in the transaction's own row. */
export function ownLabel({ verdict, labelMs }: Transaction): KnownLabel {
  return { verdict, atMs: labelMs }
}

const targets: Record<Verdict, number> = {
  [Verdict.none]: Number.NaN,
  [Verdict.legit]: 0,
  [Verdict.fraud]: 1,
}
