// The three documents that `weir init` writes, as commented YAML: what was found in the user's file and why, what to check,
// and, clearly marked, what could not be guessed. Text only; whether they compile is for the command to try.
import type { TransactionSchema } from '../../features/transaction.ts'
import type { Finding } from './finding.ts'

const width = 100

/** `name` is the user's file without its folder; `rows` were looked at. */
export function mappingText(
  findings: readonly Finding[],
  { name, rows, format }: { name: string; rows: number; format: string },
): string {
  const parts = findings.map((finding) => (finding.isGap ? gapText(finding) : foundText(finding)))
  const head = `How rows of ${name} become transactions. Written by \`weir init\` after looking at ${rows} rows: every line is a guess, its reason stands above it.`
  return [...comment(head), `format: ${format}`, ...parts.flat(), ''].join('\n')
}

function foundText({ key, lines, why, advice }: Finding): string[] {
  // Without lines: something optional that only the user can say.
  return ['', ...comment(`${key}: ${why}`), ...advice.flatMap((text) => comment(text)), ...lines]
}

/** Must be filled in: until then the mapping does not compile, and the fault names the key. */
function gapText({ key, why, advice }: Finding): string[] {
  return [
    '',
    ...comment(`NOT GUESSED: ${key}. ${why[0]!.toUpperCase()}${why.slice(1)}.`, '# >>>'),
    ...advice.flatMap((text) => comment(text, '# >>>')),
    `# ${key}:`,
  ]
}

export function weirText(): string {
  return [
    ...comment(
      'What Weir uses in this folder. Written by `weir init`; every setting is in docs/configuration.md.',
    ),
    'source: mapping.yaml # how rows become transactions',
    'catalog: catalog.yaml # the features that are computed',
    '',
    ...comment(
      'As long as the catalog has every feature of the shipped one, the shipped model scores. It was trained on generated transactions, not on yours: good enough to see the engine work.',
    ),
    '# models: [mine-v1] # a model of your own: weir train --input … --out mine-v1',
    '# policy: policy.yaml # thresholds other than the model suggests, such as: thresholds: { review: 0.2, deny: 0.6 }',
    '',
  ].join('\n')
}

/** A feature as its catalog declares it. */
export type DeclaredFeature = Readonly<Record<string, unknown>>

/**
 * A catalog of every feature of the shipped one, so that its model can score, and some for entities that it does not know.
 * `absent`: those that this mapping cannot fill.
 */
export function catalogText(
  shipped: readonly DeclaredFeature[],
  absent: ReadonlySet<string>,
  schema: TransactionSchema,
): string {
  const isPresent = ({ name }: DeclaredFeature): boolean => !absent.has(String(name))
  const present = shipped.filter(isPresent)
  const missing = shipped.filter((feature) => !isPresent(feature))
  const own = ownFeatures(shipped, schema)
  const head =
    'The features that are computed for each transaction. Amounts are in units of the last decimal, times in ms. Try a window of your own; `weir features` shows what it costs.'
  return [
    ...comment(head),
    'features:',
    ...section(
      'Of the shipped catalog. The shipped model reads these: change or drop one, and it no longer fits.',
      present,
    ),
    ...section(
      'Also of the shipped catalog, but your file lacks an entity, a field or labels for them: always absent.',
      missing,
    ),
    ...section(
      'For what else your file has. The shipped model does not read them; one trained on your own rows can.',
      own,
    ),
    '',
  ].join('\n')
}

function section(title: string, features: readonly DeclaredFeature[]): string[] {
  if (features.length === 0) return []
  const lines = features.map((feature) => `  - ${flow(feature)}`)
  return [...comment(title).map((line) => `  ${line}`), ...lines]
}

/** `{ name: a, window: 1d }`. Names, numbers and lists of numbers: nothing in a catalog needs quotes but what JSON quotes. */
function flow(feature: DeclaredFeature): string {
  const scalar = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(scalar).join(', ')}]`
    const isPlain = typeof value === 'string' && /^[A-Za-z_0-9/]+$/.test(value)
    return isPlain ? value : JSON.stringify(value)
  }
  const pairs = Object.entries(feature).map(([key, value]) => `${key}: ${scalar(value)}`)
  return `{ ${pairs.join(', ')} }`
}

function ownFeatures(
  shipped: readonly DeclaredFeature[],
  { entities, primary, hasLabel }: TransactionSchema,
): DeclaredFeature[] {
  const known = new Set(shipped.map((feature) => feature['entity']))
  return entities
    .filter((entity) => !known.has(entity))
    .flatMap((entity) => {
      const of = entities[primary]!
      const window = '1d'
      const counted = { name: `${entity}_count_1d`, entity, aggregate: 'count', window }
      const summed = { name: `${entity}_sum_1d`, entity, aggregate: 'sum', of: 'amount', window }
      const others = { name: `${entity}_${of}s_1d`, entity, aggregate: 'distinct', of, window }
      const rate = {
        name: `${entity}_fraud_rate_30d`,
        entity,
        aggregate: 'fraud_rate',
        window: '30d',
      }
      return [counted, summed, ...(entity === of ? [] : [others]), ...(hasLabel ? [rate] : [])]
    })
}

/** Lines of a comment, wrapped; a command line (`$ …`) is kept whole, to be copied. */
export function comment(text: string, head = '#'): string[] {
  const clean = text.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
  if (clean.startsWith('$ ')) return [`${head} ${clean}`]
  const lines: string[] = []
  let line = head
  for (const word of clean.split(' ')) {
    if (line !== head && line.length + 1 + word.length > width) {
      lines.push(line)
      line = head
    }
    line += ` ${word}`
  }
  return [...lines, line]
}
