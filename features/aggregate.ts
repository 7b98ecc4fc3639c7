// The table of aggregates: what each is of, whether the transaction itself can count, and what else it takes. Catalog, plan and
// JSON Schema follow from it; what the numbers mean is docs/windows.md.

/** `none`; `amount`; `number`: the amount, or a field read as a number; `value`: a field or an entity, compared as text. */
export type Of = 'none' | 'amount' | 'number' | 'value'

export interface AggregateRule {
  readonly of: Of
  /** Of transactions, of labels that have arrived, or of the messages that undo transactions. */
  readonly over: 'transactions' | 'labels' | 'messages'
  /** True if it speaks of earlier transactions alone: `current` says nothing then. */
  readonly isEarlierOnly: boolean
  /** The one option that only this kind of aggregate takes. */
  readonly option: 'short' | 'smoothing' | null
  readonly help: string
}

function rule(
  help: string,
  of: Of = 'none',
  over: AggregateRule['over'] = 'transactions',
  isEarlierOnly = over !== 'transactions',
  option: AggregateRule['option'] = null,
): AggregateRule {
  return { of, over, isEarlierOnly, option, help }
}

const earlier = 'transactions'

export const aggregateRules = {
  count: rule('how many transactions'),
  sum: rule('sum of the amounts, minor units', 'amount'),
  avg: rule('average amount, minor units', 'amount'),
  min: rule('least amount, minor units', 'amount'),
  max: rule('greatest amount, minor units', 'amount'),
  stddev: rule('population standard deviation of the amounts, minor units', 'amount'),
  ratio: rule('its amount by the average of the window', 'amount'),
  zscore: rule('its amount less the average, in standard deviations', 'amount'),
  distinct: rule('how many different values', 'value'),
  share: rule('share of the window that has the value of the transaction', 'value'),
  new_value: rule('1 when no earlier one has its value, else 0', 'value', earlier, true),
  first: rule('value of the oldest that has one', 'number', earlier, true),
  last: rule('value of the newest that has one', 'number', earlier, true),
  since_first: rule('ms since the oldest', 'none', earlier, true),
  since_last: rule('ms since the newest', 'none', earlier, true),
  speed: rule('km/h from the newest that has a location', 'none', earlier, true),
  acceleration: rule(
    'rate of a short window by that of the whole',
    'none',
    earlier,
    false,
    'short',
  ),
  fraud_count: rule('how many are labelled fraud', 'none', 'labels'),
  fraud_rate: rule('frauds by labelled ones', 'none', 'labels', true, 'smoothing'),
  reversals: rule('how many were reversed', 'none', 'messages'),
  decline_rate: rule('declined ones by all', 'none', 'messages', true, 'smoothing'),
} as const satisfies Readonly<Record<string, AggregateRule>>

export type Aggregate = keyof typeof aggregateRules

export const aggregates = Object.keys(aggregateRules) as readonly Aggregate[]

export function ruleOf(aggregate: Aggregate): AggregateRule {
  return aggregateRules[aggregate]
}

/** `net`: what was reversed or declined does not count any more. `gross`: whatever was asked for. */
export const bases = ['net', 'gross'] as const
export type Basis = (typeof bases)[number]

/** A rate of so many more cases, of which the share `prior` is positive (Laplace: 2 and 1/2). */
export interface Smoothing {
  readonly weight: number
  readonly prior: number
}
