// Which column is the amount, with how many decimals, and in which currency.
import { isCurrencyCode } from '../../features/currency.ts'
import {
  type AmountForm,
  amountForm,
  type Column,
  mostOfThem,
  shareOf,
  valuesSeen,
} from './column.ts'
import { best, candidates, type Finding, found, gap, type Take, yamlName } from './finding.ts'
import { amountHints, currencyHints, notTheAmount } from './names.ts'

export function guessAmount(columns: readonly Column[], take: Take): Finding {
  const own = columns.filter(({ words }) => !notTheAmount.test(words))
  const column = take(best(own, amountHints, (c) => amountForm(c) !== null))
  if (column === null) {
    const numeric = columns.filter((c) => amountForm(c)?.kind === 'plain' && c.distinct.size > 2)
    return gap('amount', 'no column is named like an amount and holds numbers', [
      candidates(numeric),
    ])
  }
  const form = amountForm(column)!
  if (form.kind !== 'plain') {
    return gap('amount', `${column.name} has amounts ${faults[form.kind]}: ${valuesSeen(column)}`, [
      'Weir reads plain decimals with a point, such as 1234.56, and guesses at nothing else where money is concerned.',
      `Export ${column.name} again in that form, then: amount: { field: ${yamlName(column.name)}, decimals: 2 }`,
    ])
  }
  return plainAmount(column, form)
}

const faults = {
  'decimal comma': 'with a decimal comma',
  grouped: 'with commas between thousands',
  'with a sign': 'with a sign or code of the currency',
} as const

function plainAmount(column: Column, form: AmountForm & { readonly kind: 'plain' }): Finding {
  const isMinor = /cent|minor|pence/.test(column.words) && form.decimals === 0
  const decimals = isMinor ? 0 : Math.min(8, Math.max(2, form.decimals))
  const advice: string[] = []
  if (!isMinor && form.decimals === 0) {
    advice.push('Whole numbers only. If these are cents, write decimals: 0.')
  }
  if (decimals > 2) {
    advice.push(
      `Up to ${form.decimals} decimals were seen. With decimals: 2 the longer ones would be rejected; features count in units of the last decimal, so the shipped model would read them as too large.`,
    )
  }
  if (form.negatives > 0) {
    advice.push(
      `${form.negatives} amounts are negative and will be rejected. If those are refunds, make them positive and let a column say so: kind: { field: TYPE, reversal: [REFUND], at: { field: TIME, as: iso } }`,
    )
  }
  const seen = form.decimals === 0 ? 'whole numbers' : `up to ${form.decimals} decimals`
  const line = `amount: { field: ${yamlName(column.name)}, decimals: ${decimals} }`
  return found('amount', [column], line, `${seen}: ${valuesSeen(column)}`, advice)
}

export function guessCurrency(columns: readonly Column[], take: Take): Finding {
  const named = best(columns, currencyHints)
  const isCoded = named !== null && shareOf(named, isCurrencyCode) >= mostOfThem
  if (named === null || !isCoded || named.texts.length < mostOfThem * named.rows) {
    const seen =
      named === null
        ? 'no column names one'
        : `${named.name} holds no codes such as EUR: ${valuesSeen(named)}`
    return found('currency', [], 'currency: { const: EUR }', `EUR is assumed: ${seen}`, [
      'Write the code of your own currency: nothing is converted, it only names what amounts are in.',
    ])
  }
  take(named)
  const line = `currency: { field: ${yamlName(named.name)}, rates: as_is }`
  const many = named.distinct.size
  const why = `${many === 1 ? 'one code' : `${many} codes`}: ${valuesSeen(named)}`
  if (many === 1) return found('currency', [named], line, why)
  return found('currency', [named], line, why, [
    'as_is adds up amounts of different currencies as if they were one. Better: rates: rates.yaml, a file with',
    'base: EUR and rates: { USD: 0.92, … }; amounts without a rate are then absent.',
  ])
}
