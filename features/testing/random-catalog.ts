// Seeded catalogs of few features: what every catalog with all aggregates has, amounts, columns, labels, a plain group, one of
// these may lack.
import { aggregates, ruleOf } from '../aggregate.ts'
import type { Declared } from './every-feature.ts'

const windows = ['1s', '2s', '5s', '13s', '29s', '1m', '4m']
const delays = ['1s', '13s']
const conditions = [
  { channel: ['1', '2'] },
  { mcc: '3' },
  { mcc: ['0', '1'], channel: ['0', '1', '2'] },
]
const entities = ['card', 'merchant', ['card', 'merchant']]
const featuresMax = 10

/** Of the schema `everySchema`. */
export function randomFeatures(random: () => number): Declared[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const some = random() < 0.5 ? [pick(aggregates), pick(aggregates)] : aggregates
  const count = 1 + Math.floor(random() * featuresMax)
  return Array.from({ length: count }, (_, index) => {
    const aggregate = pick(some)
    const { of, over, isEarlierOnly, option } = ruleOf(aggregate)
    const from = option === 'short' ? 1 : 0
    const window = from + Math.floor(random() * (windows.length - from))
    const isDelayed = random() < 0.25
    return {
      name: `${aggregate}_${index}`,
      aggregate,
      entity: pick(entities),
      window: windows[window],
      ...(isDelayed && { delay: pick(delays) }),
      ...(of === 'value' && { of: pick(['mcc', 'channel', 'merchant']) }),
      ...(of === 'number' && random() < 0.5 && { of: pick(['mcc', 'channel']) }),
      ...(option === 'short' && { short: windows[Math.floor(random() * window)] }),
      ...(random() < 0.3 && { where: pick(conditions) }),
      ...(over !== 'messages' && random() < 0.15 && { basis: 'gross' }),
      ...(!isEarlierOnly && !isDelayed && random() < 0.3 && { current: 'excluded' }),
    }
  })
}
