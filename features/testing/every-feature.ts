// A catalog with every aggregate in every form that it takes, for tests that hold clever code against the naive twin.
import { type Aggregate, aggregates, ruleOf } from '../aggregate.ts'
import { messageKinds, type TransactionSchema } from '../transaction.ts'

export interface Declared {
  readonly [key: string]: unknown
  readonly name: string
}

export const everySchema: TransactionSchema = {
  entities: ['card', 'merchant'],
  primary: 0,
  fields: ['mcc', 'channel'],
  hasLocation: true,
  hasLabel: true,
  kinds: messageKinds,
}

export const delay = '13s'

/** Plain on the card and the merchant; with a condition, a delay, gross, excluded, on the pair: on one of them each. */
export function everyFeature(windows: readonly [string, string, string]): Declared[] {
  return aggregates.flatMap((aggregate, index) => {
    const { over, isEarlierOnly, option, of } = ruleOf(aggregate)
    const make = (name: string, change: Readonly<Record<string, unknown>>): Declared => ({
      name: `${aggregate}_${name}`,
      aggregate,
      window: windows[index % 2 === 0 && over !== 'messages' ? 1 : 2],
      ...valueOf(aggregate, index),
      ...(option === 'short' && { short: windows[0] }),
      ...change,
    })
    const entity = index % 2 === 0 ? 'card' : 'merchant'
    const other = index % 2 === 0 ? 'merchant' : 'card'
    return [
      make('short', { entity: other, window: option === 'short' ? windows[2] : windows[0] }),
      make('plain', { entity }),
      make('long', { entity: other, window: windows[2] }),
      make('some', { entity: other, where: { channel: ['1', '2', '3'] } }),
      make('late', { entity, delay }),
      make('pair', { entity: ['merchant', 'card'], window: windows[2] }),
      ...(over === 'messages' ? [] : [make('gross', { entity, basis: 'gross' })]),
      ...(isEarlierOnly ? [] : [make('before', { entity, current: 'excluded' })]),
      ...(option === 'smoothing' ? [make('smooth', { entity, smoothing: 1 })] : []),
      ...(of === 'number' ? [make('field', { entity, of: 'mcc' })] : []),
    ]
  })
}

function valueOf(aggregate: Aggregate, index: number): object {
  if (ruleOf(aggregate).of !== 'value') return {}
  return { of: index % 2 === 0 ? 'mcc' : 'channel' }
}
