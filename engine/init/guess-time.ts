// Which column is the time of the transaction, and how it is written.
import { type Column, isCounted, timeForm, valuesSeen } from './column.ts'
import { best, candidates, type Finding, found, gap, type Take, yamlName } from './finding.ts'
import { notTheTime, timeHints } from './names.ts'

export function guessTime(columns: readonly Column[], take: Take, file: string): Finding {
  const own = columns.filter(({ words }) => !notTheTime.test(words))
  const absolute = best(own, timeHints, (column) => timeForm(column) !== null)
  if (absolute !== null) return absoluteTime(take(absolute)!)
  const counted = best(own, timeHints, isCounted)
  if (counted === null) {
    const readable = own.filter((column) => timeForm(column)?.as.startsWith('epoch_') === false)
    if (readable.length === 1) {
      return absoluteTime(take(readable[0]!)!, [
        'The only column of times: its name does not say so.',
      ])
    }
    return gap('time', 'no column is named like a time and holds one', [
      candidates(readable),
      'Weir reads ISO 8601, epoch_s, epoch_ms and patterns such as dd/MM/yyyy HH:mm:ss; microseconds must lose three digits.',
    ])
  }
  take(counted)
  const { name, words } = counted
  if (/step|hour|day|minute/.test(words) || counted.distinct.size < 3) {
    const column = columns.indexOf(counted) + 1
    return gap(
      'time',
      `no real time: ${name} counts from an unnamed start (${valuesSeen(counted)})`,
      [
        'If it counts hours, make seconds, and a number for each row:',
        `$ awk -F, -v OFS=, 'NR==1 {print "row_id","seconds",$0; next} {print NR-1,$${column}*3600,$0}' ${file} > timed.csv`,
        'Then: time: { field: seconds, as: epoch_s }. All transactions of an hour share one time: short windows mean little.',
      ],
    )
  }
  return found(
    'time',
    [counted],
    `time: { field: ${yamlName(name)}, as: epoch_s }`,
    `no real time: seconds from an unnamed start (${valuesSeen(counted)})`,
    [
      'Read as seconds since 1970: windows come out right, hours of the day and weekdays only if the start was a Thursday, 00:00 UTC.',
      'If it does not count seconds, convert it first.',
    ],
  )
}

function absoluteTime(column: Column, remarks: readonly string[] = []): Finding {
  const { as, isLocal, rival } = timeForm(column)!
  const advice = [...remarks]
  const field = `field: ${yamlName(column.name)}, as: ${/^[a-z_]+$/.test(as) ? as : JSON.stringify(as)}`
  if (isLocal) {
    advice.push(
      'The texts name no zone, so UTC is assumed. For local time add a zone: tz: Europe/Berlin.',
    )
  }
  if (rival !== null) {
    advice.push(`Day and month cannot be told apart in these rows: it may also be "${rival}".`)
  }
  if (column.texts.every((text) => text.length <= 10 && !/^\d+$/.test(text))) {
    advice.push('These are dates without a time of day: windows shorter than a day mean little.')
  }
  const why = `${as}${isLocal ? ', without a zone' : ''}: ${valuesSeen(column, 1)}`
  return found('time', [column], `time: { ${field}${isLocal ? ', tz: UTC' : ''} }`, why, advice)
}
