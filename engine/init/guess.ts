// Guesses which column of a sample means what, each with its reason. What it cannot know it says, with the candidates:
// a wrong mapping that looks right would be worse than none.
import { type Column, columnsOf, mostOfThem, shareOf, timeForm, valuesSeen } from './column.ts'
import { best, candidates, type Finding, found, gap, type Take, yamlName } from './finding.ts'
import { guessAmount, guessCurrency } from './guess-amount.ts'
import { guessEntities } from './guess-entities.ts'
import { guessLabel } from './guess-label.ts'
import { guessTime } from './guess-time.ts'
import * as names from './names.ts'
import type { Sample } from './sample.ts'

export interface Guesses {
  readonly findings: readonly Finding[]
  readonly gaps: readonly Finding[]
}

export function guess(sample: Sample, file: string): Guesses {
  const columns = columnsOf(sample)
  const taken = new Set<Column>()
  const take = (column: Column | null): Column | null => {
    if (column !== null) taken.add(column)
    return column
  }
  const free = (): Column[] => columns.filter((column) => !taken.has(column))
  const time = guessTime(free(), take, file)
  const received = guessReceived(free(), take)
  const label = guessLabel(free(), take)
  const id = guessId(free(), take, file)
  const amount = guessAmount(free(), take)
  const currency = guessCurrency(free(), take)
  const location = guessLocation(free(), take)
  const entities = guessEntities(free(), take)
  const fields = guessFields(free(), take)
  const all = [id, time, received, amount, currency, ...entities, fields, location, label]
  const findings = all.filter((finding) => finding !== null)
  return { findings, gaps: findings.filter(({ isGap }) => isGap) }
}

function guessId(columns: readonly Column[], take: Take, file: string): Finding {
  const isUnique = (column: Column): boolean =>
    column.texts.length === column.rows && column.distinct.size >= mostOfThem * column.rows
  const column = take(best(columns, names.idHints, (c) => isUnique(c) && !isEntityName(c)))
  if (column !== null) {
    const repeats = column.rows - column.distinct.size
    const why = `${repeats === 0 ? 'a different value in every row' : `${repeats} rows repeat an id`}: ${valuesSeen(column, 1)}`
    return found('id', [column], `id: ${yamlName(column.name)}`, why)
  }
  // Fractions and the like are unique by chance.
  const isName = (c: Column): boolean => shareOf(c, (text) => /^[\w-]{4,}$/.test(text)) === 1
  return gap(
    'id',
    'no column is named like an id of transactions and has a different value in every row',
    [
      candidates(columns.filter((c) => isUnique(c) && isName(c) && !isEntityName(c))),
      'Without one, number the rows:',
      `$ awk -v OFS=, 'NR==1 {print "row_id",$0; next} {print NR-1,$0}' ${file} > numbered.csv`,
    ],
  )
}

function isEntityName({ words }: Column): boolean {
  return names.entityHints.some(([, pattern]) => pattern.test(words))
}

function guessReceived(columns: readonly Column[], take: Take): Finding | null {
  const isWhole = (column: Column): boolean => column.texts.length === column.rows
  const column = take(best(columns, names.receivedHints, (c) => isWhole(c) && timeForm(c) !== null))
  if (column === null) return null
  const { as } = timeForm(column)!
  const line = `received: { field: ${yamlName(column.name)}, as: ${as} }`
  return found('received', [column], line, `when it was received: ${valuesSeen(column, 1)}`)
}

function guessFields(columns: readonly Column[], take: Take): Finding | null {
  const fields: [string, Column][] = []
  for (const [name, pattern] of names.fieldHints) {
    const column = columns.find((c) => pattern.test(c.words) && c.distinct.size > 1)
    if (column !== undefined && take(column) !== null) fields.push([name, column])
  }
  if (fields.length === 0) return null
  const lines = fields.map(
    ([name, column]) => `  ${name}: ${yamlName(column.name)} # ${valuesSeen(column)}`,
  )
  const why = 'what features may count or compare: add any column under a name of your own'
  return found(
    'fields',
    fields.map(([, column]) => column),
    ['fields:', ...lines],
    why,
  )
}

function guessLocation(columns: readonly Column[], take: Take): Finding | null {
  const within = (column: Column, most: number): boolean =>
    shareOf(column, (text) => Math.abs(Number(text)) <= most) >= mostOfThem
  const latitudes = columns.filter((c) => names.latitudeHint.test(c.words) && within(c, 90))
  const pairs = latitudes.flatMap((lat) => {
    const prefix = lat.words.replace(names.latitudeHint, '')
    const isPartner = (c: Column): boolean =>
      names.longitudeHint.test(c.words) && c.words.replace(names.longitudeHint, '') === prefix
    const lon = columns.find((c) => isPartner(c) && within(c, 180))
    return lon === undefined ? [] : [{ lat, lon, prefix }]
  })
  const pair = pairs.find(({ prefix }) => names.ownPlace.test(prefix)) ?? pairs[0]
  if (pair === undefined) return null
  const { lat, lon } = pair
  take(lat)
  take(lon)
  const line = `location: { lat: ${yamlName(lat.name)}, lon: ${yamlName(lon.name)} }`
  const why = `degrees: ${valuesSeen(lat, 1)} / ${valuesSeen(lon, 1)}`
  const check =
    'Check that this is where the transaction was made; the address of a bill is something else.'
  return found('location', [lat, lon], line, why, [check])
}
