// Which columns say whose transaction it is: card, merchant, device and the like, and which of them is the primary.
import { type Column, shareOf, valuesSeen } from './column.ts'
import { candidates, type Finding, found, gap, type Take, yamlName } from './finding.ts'
import { entityHints, notAnEntity, primaries } from './names.ts'

/** The two lines `primary` and `entities`, or a gap. */
export function guessEntities(columns: readonly Column[], take: Take): Finding[] {
  const byName = new Map<string, Column>()
  for (const [name, pattern] of entityHints) {
    const fitting = columns.filter((c) => pattern.test(c.words) && isEntity(c))
    const column = mostDistinct(fitting.filter((c) => ![...byName.values()].includes(c)))
    if (column !== null && !byName.has(name)) byName.set(name, column)
  }
  const primary = primaries.find((name) => byName.has(name))
  if (primary === undefined) {
    return [
      gap(
        'primary',
        'no column says whose transaction it is: no card, account, customer, merchant, device',
        [
          candidates(columns.filter((c) => isEntity(c) && c.distinct.size < c.texts.length)),
          'Windows are kept per entity, so without one there is no history to count and only the amount and the hour are left.',
          'Join the file with one that has an id of the card or account, or name a column: primary: card and entities: { card: COLUMN }',
        ],
      ),
    ]
  }
  const column = byName.get(primary)!
  const order = [primary, ...shownOrder.filter((name) => name !== primary && byName.has(name))]
  const named = new Map(order.map((name) => [standIn(name, byName), byName.get(name)!]))
  for (const c of named.values()) take(c)
  const primaryName = standIn(primary, byName)
  const advice = [repetition(column), ...standInAdvice(byName)]
  return [
    found(
      'primary',
      [column],
      `primary: ${primaryName}`,
      'whom the transactions are keyed by',
      advice,
    ),
    found(
      'entities',
      [...named.values()],
      ['entities:', ...[...named].map(([name, c]) => entityLine(name, c))],
      'for each of these there are windows; leave out what you do not need',
    ),
  ]
}

const shownOrder = [
  'card',
  'account',
  'customer',
  'merchant',
  'terminal',
  'device',
  'ip',
  'email',
  'phone',
]

/** What the shipped catalog and model call the payer and the payee. */
function standIn(name: string, byName: ReadonlyMap<string, Column>): string {
  const payer = primaries.slice(0, 3).find((other) => byName.has(other))
  if (name === payer) return 'card'
  return name === 'terminal' && !byName.has('merchant') ? 'merchant' : name
}

function standInAdvice(byName: ReadonlyMap<string, Column>): string[] {
  const renamed = [...byName.keys()].filter((name) => standIn(name, byName) !== name)
  return renamed.map(
    (name) =>
      `The ${name} stands for what the shipped catalog and model call ${standIn(name, byName)}.`,
  )
}

function entityLine(name: string, column: Column): string {
  const { distinct, texts } = column
  return `  ${name}: ${yamlName(column.name)} # ${distinct.size} different in ${texts.length}: ${valuesSeen(column, 2)}`
}

function repetition({ name, distinct, texts }: Column): string {
  const times = texts.length / distinct.size
  if (times >= 1.05)
    return `${name} comes ${times.toFixed(1)} times in the mean in the rows looked at.`
  return `${name} hardly ever repeats in the rows looked at: if that is so everywhere, its windows stay empty.`
}

/** Ids, not measures: no fractions, and not the same everywhere. */
function isEntity(column: Column): boolean {
  const isMeasure = shareOf(column, (text) => /^-?\d+\.\d+$/.test(text)) > 0.5
  return column.distinct.size > 1 && !isMeasure && !notAnEntity.test(column.words)
}

function mostDistinct(columns: readonly Column[]): Column | null {
  return columns.reduce<Column | null>(
    (most, c) => (most === null || c.distinct.size > most.distinct.size ? c : most),
    null,
  )
}
