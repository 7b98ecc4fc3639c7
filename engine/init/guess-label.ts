// Which column says what turned out to be fraud, with which values, and when that was known.
import { type Column, timeForm, valuesSeen } from './column.ts'
import { best, type Finding, found, type Take, yamlName } from './finding.ts'
import { labelHints, labelTimeHints, notTheLabel } from './names.ts'

/** Words for fraud and for its opposite: where only one was seen, the other is known. */
const families: readonly (readonly [fraud: string, legit: string])[] = [
  ['1', '0'],
  ['1.0', '0.0'],
  ['true', 'false'],
  ['t', 'f'],
  ['yes', 'no'],
  ['y', 'n'],
  ['fraud', 'legit'],
  ['fraud', 'legitimate'],
  ['fraud', 'genuine'],
  ['fraud', 'not_fraud'],
  ['fraudulent', 'legitimate'],
  ['fraud', 'ok'],
]
const delay = '7d'

/** Null without a column that could be one: a label is optional. */
export function guessLabel(columns: readonly Column[], take: Take): Finding | null {
  const own = columns.filter(({ words }) => !notTheLabel.test(words))
  const column = take(best(own, labelHints, (c) => c.distinct.size >= 1 && c.distinct.size <= 4))
  if (column === null) return null
  const values = [...column.distinct]
  const family = families.find((words) => values.every((v) => isOf(v, words)))
  if (family === undefined) {
    return found('label', [column], [], `its values are unknown words: ${valuesSeen(column, 4)}`, [
      `Say which mean fraud: label: { field: ${yamlName(column.name)}, fraud: [...], legit: [...], delay: ${delay} }`,
    ])
  }
  const [fraud, legit] = family.map(
    (word) => values.find((v) => isSame(v, word)) ?? alike(word, values),
  )
  const verdicts = `field: ${yamlName(column.name)}, fraud: [${JSON.stringify(fraud)}], legit: [${JSON.stringify(legit)}]`
  const unseen = column.distinct.has(fraud!) ? '' : `; no fraud in these rows, ${fraud} assumed`
  const isWhole = column.texts.length === column.rows
  const why = `${counts(column)}${unseen}${isWhole ? '' : `; ${column.rows - column.texts.length} rows have none and stay unlabelled`}`
  const known = (c: Column): boolean =>
    timeForm(c) !== null &&
    column.cells.every((text, row) => text === null || c.cells[row] !== null)
  const time = take(best(columns, labelTimeHints, known))
  if (time !== null) {
    const { as } = timeForm(time)!
    const line = `label: { ${verdicts}, time: { field: ${yamlName(time.name)}, as: ${as} } }`
    return found('label', [column, time], line, why, [
      `A label counts from its arrival, ${time.name}. Check that this is when the bank knew, not when the row was written.`,
    ])
  }
  return found('label', [column], `label: { ${verdicts}, delay: ${delay} }`, why, [
    `When labels were known is in no column: ${delay} after the transaction is assumed. With less, features see what nobody knew.`,
  ])
}

function isSame(value: string, word: string): boolean {
  return value.toLowerCase().replaceAll(/[ -]/g, '_') === word
}

function isOf(value: string, words: readonly string[]): boolean {
  return words.some((word) => isSame(value, word))
}

/** The word that was not seen, in the case of the one that was. */
function alike(word: string, [seen]: readonly string[]): string {
  if (seen === undefined || seen === seen.toLowerCase()) return word
  return seen === seen.toUpperCase() ? word.toUpperCase() : word[0]!.toUpperCase() + word.slice(1)
}

function counts({ distinct, texts }: Column): string {
  const parts = [...distinct].map((v) => `${texts.filter((text) => text === v).length} × ${v}`)
  return parts.join(', ')
}
