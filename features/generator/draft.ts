// One transaction while it is being made: what a habit or a fraud fills in before labels, arrival and text are added.

/** The planted kinds of fraud. */
export type Pattern =
  | 'card_testing'
  | 'stolen_card'
  | 'account_takeover'
  | 'compromised_merchant'
  | 'bust_out'

export const patterns: readonly Pattern[] = [
  'card_testing',
  'stolen_card',
  'account_takeover',
  'compromised_merchant',
  'bust_out',
]

/** Why an honest transaction was made. */
export type Habit =
  | 'usual'
  | 'session'
  | 'commute'
  | 'subscription'
  | 'travel'
  | 'large'
  | 'rush'
  | 'cash'
  | 'build_up'

export type Channel = 'ecom' | 'pos' | 'contactless' | 'atm'

/** One object, filled again for each transaction; whoever fills it sets every field but `timeMs`. */
export class Draft {
  timeMs = 0
  card = 0
  merchant = 0
  amountMinor = 0
  channel: Channel = 'pos'
  /** Empty where none is seen: a plastic card at a terminal. */
  device = ''
  /** Address on the network, −1 in a shop. */
  ip = -1
  /** Null: fraud. */
  habit: Habit | null = 'usual'
  /** Null: honest. */
  pattern: Pattern | null = null
}

/** Something that happens at a time. Returns true if it made a transaction of the draft, whose `timeMs` is set. */
export interface Due {
  run(timeMs: number, draft: Draft): boolean
}
