// The parts of docs/ that follow from the table of aggregates: the table of docs/features.md, and the JSON Schema of catalogs for
// editors. Written by write-reference.ts; a test holds the files to what is made here.
import { aggregateRules, aggregates, bases, ruleOf } from '../features/aggregate.ts'
import { calendars } from '../features/catalog.ts'
import { exactDefault, exactMax, exactMin } from '../features/catalog-exact.ts'

const ofTexts = {
  none: '–',
  amount: '`amount`, which is the default',
  number: '`amount`, the default, or a field',
  value: 'a field or an entity',
} as const

/** The generated section of docs/features.md. */
export function aggregatesTable(): string {
  const rows = Object.entries(aggregateRules).map(
    ([name, { of, over, isEarlierOnly, option, help }]) => {
      const takes = [
        ...(isEarlierOnly ? [] : ['`current`']),
        ...(over === 'messages' ? [] : ['`basis`']),
        ...(option === null ? [] : [`\`${option}\``]),
      ]
      return `| \`${name}\` | ${help} | ${ofTexts[of]} | ${takes.join(', ') || '–'} |`
    },
  )
  return ['| aggregate | | of | takes besides |', '|---|---|---|---|', ...rows].join('\n')
}

const name = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }
const duration = { type: 'string', pattern: '^[0-9]{1,9}(ms|s|m|h|d|w)$' }
const scalar = { type: ['string', 'number', 'boolean'] }

/** docs/catalog.schema.json, whole. */
export function catalogSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'catalog of features',
    type: 'object',
    properties: {
      features: { type: 'array', minItems: 1, items: { anyOf: features() } },
      exact: {
        type: 'object',
        description: `records of a journal that are at least kept one by one, by kind of entity; ${exactDefault} where not named`,
        additionalProperties: { type: 'integer', minimum: exactMin, maximum: exactMax },
      },
    },
    required: ['features'],
    additionalProperties: false,
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}

function features(): object[] {
  return [
    {
      description: 'A number of the transaction itself.',
      ...object({
        name,
        value: { ...name, description: 'amount, latitude, longitude, or a field' },
      }),
    },
    {
      description: 'What the calendar says of its time.',
      ...object(
        {
          name,
          calendar: { enum: calendars },
          between: {
            type: 'array',
            items: { type: 'integer' },
            minItems: 2,
            maxItems: 2,
            description: 'from, and up to but not including: 1 inside, 0 outside',
          },
          tz: { type: 'string', description: 'UTC, a zone such as Europe/Berlin, or +02:00' },
        },
        ['name', 'calendar'],
      ),
    },
    ...aggregates.map(aggregate),
  ]
}

function aggregate(of: (typeof aggregates)[number]): object {
  const rule = ruleOf(of)
  const properties = {
    name,
    aggregate: { const: of, description: rule.help },
    entity: {
      anyOf: [name, { type: 'array', items: name, minItems: 2, maxItems: 3, uniqueItems: true }],
      description: 'the kind of entity, or several together',
    },
    window: { ...duration, description: 'how far it reaches back' },
    delay: { ...duration, description: 'how far back it ends' },
    where: {
      type: 'object',
      minProperties: 1,
      additionalProperties: { anyOf: [scalar, { type: 'array', items: scalar, minItems: 1 }] },
      description: 'only records whose fields or entities have these values',
    },
    current: rule.isEarlierOnly
      ? { const: 'excluded' }
      : { enum: ['included', 'excluded'], description: 'whether the transaction itself counts' },
    ...(rule.of === 'amount' && { of: { const: 'amount' } }),
    ...((rule.of === 'number' || rule.of === 'value') && { of: name }),
    ...(rule.over !== 'messages' && {
      basis: { enum: bases, description: 'net of what was reversed or declined, or gross' },
    }),
    ...(rule.option === 'short' && { short: { ...duration, description: 'the shorter window' } }),
    ...(rule.option === 'smoothing' && { smoothing: smoothing() }),
  }
  const required = ['name', 'aggregate', 'entity', 'window']
  if (rule.of === 'value') required.push('of')
  if (rule.option === 'short') required.push('short')
  return object(properties, required)
}

function smoothing(): object {
  const number = { type: 'number', exclusiveMinimum: 0 }
  return {
    anyOf: [number, object({ weight: number, prior: { type: 'number', minimum: 0, maximum: 1 } })],
    description: "Laplace's number of each, or weight and prior",
  }
}

function object(properties: object, required: readonly string[] = Object.keys(properties)): object {
  return { type: 'object', properties, required, additionalProperties: false }
}
