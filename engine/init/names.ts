// What names of columns suggest, as data: patterns over a column's name in lower case words joined by _. Values decide
// whether a suggestion holds (guess.ts).

/** A pattern and how much it says; the highest one counts. */
export type Hint = readonly [points: number, pattern: RegExp]

const ending = '(_?(id|uuid|guid|num|number|no|nr|key|hash|token|ref))?$'

export const idHints: readonly Hint[] = [
  [
    10,
    /^(tx|txn|trans|transaction|event|operation|purchase|sale|charge)_?(id|uuid|num|number|no|nr|ref|reference|key)$/,
  ],
  [9, /^(transaction|txn)$/],
  [
    8,
    /^(payment|order|auth|authori[sz]ation|message|record)_?(id|uuid|num|number|no|ref|reference)$/,
  ],
  [7, /^(id|uuid|guid|ref|reference|row_?id)$/],
]

export const timeHints: readonly Hint[] = [
  [
    10,
    /(date_?time|time_?stamp)$|^ts$|^(tx|txn|trans|transaction|event)_?(date|time|dt|at|ts)(_|$)/,
  ],
  [9, /^(epoch_?)?seconds$/],
  [8, /^(date|time|created|created_at|occurred_at|when|datum|dt|step)$/],
  [4, /(date|time|dt|_at)$/],
  [2, /time_(in_)?seconds$/],
]
/** Times of other things. */
export const notTheTime =
  /label|chargeback|fraud|verdict|birth|dob|expir|(^|_)exp(_|$)|updated|modified|receiv|arriv|ingest|settle|first|last|since|zone|delay|duration|open/

export const receivedHints: readonly Hint[] = [
  [10, /^(received|arrived|arrival|ingested)(_(at|time|ts|date|timestamp))?$/],
]

export const labelTimeHints: readonly Hint[] = [
  [10, /^(label|verdict)_?(time|date|ts|at|time_?stamp)$/],
  [8, /(chargeback|fraud|label|report(ed)?)_?(date|time|at|time_?stamp)$/],
]

export const amountHints: readonly Hint[] = [
  [10, /^((tx|txn|trans|transaction|event)_)?(amount|amt)(_?(cents?|minor))?$/],
  [8, /(^|_)(amount|amt)(_|$)|^(price|total|betrag|montant|importe)$/],
  [6, /(price|total|value|charge)$|^sum$/],
]
export const notTheAmount =
  /balance|(^|_)(tax|fee|tip|limit|avg|mean|max|min|old|new|id|count|discount|refund|rate|num|number)(_|$)/

export const currencyHints: readonly Hint[] = [[10, /(^|_)(currency|ccy|curr)(_?(code|iso))?$/]]

export const labelHints: readonly Hint[] = [
  [10, /^is_?fraud(ulent)?$|(^|_)fraud(_?(label|ind|indicator))?$|^(event_)?label$/],
  [8, /chargeback|fraudulent|^verdict$/],
  [5, /^(class|target)$/],
]
export const notTheLabel =
  /scenario|flagged|score|type|reason|time|date|prob|risk|rate|count|amount|(^|_)id(_|$)/

export const latitudeHint = /(^|_)lat(itude)?$/
export const longitudeHint = /(^|_)(lon|lng|long|longitude)$/
/** Where the transaction was rather than where somebody lives. */
export const ownPlace = /merch|terminal|store|shop|ip_|device|tx|trans/

/** By the name that the mapping gives them, the surest first: a column is what it is called first. */
export const entityHints: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['device', new RegExp(`(^|_)(device|fingerprint|user_?agent|imei)${ending}`)],
  ['ip', /(^|_)ip(v4|v6)?(_?addr(ess)?)?$|^remote_addr(ess)?$/],
  ['email', /(^|_)e_?mail(_?addr(ess)?)?$/],
  ['phone', /(^|_)(phone|msisdn|mobile)(_?(no|nr|num|number))?$/],
  ['card', new RegExp(`(^|_)(card|cards|pan|cc|credit_?card)\\d?${ending}`)],
  ['account', new RegExp(`(^|_)(account|acct|acc|iban|sender|payer|debtor|originator)${ending}`)],
  ['account', /^name_?orig$/],
  [
    'customer',
    new RegExp(`(^|_)(customer|client|cust|user|member|holder|consumer|entity)${ending}`),
  ],
  [
    'merchant',
    new RegExp(`(^|_)(merchant|merch|seller|vendor|retailer|payee|store|shop)${ending}`),
  ],
  ['merchant', /(^|_)(merchant|merch|store|shop)_?name$|^name_?dest$/],
  ['merchant', new RegExp(`(^|_)(beneficiary|receiver|recipient|creditor|counterparty)${ending}`)],
  ['terminal', new RegExp(`(^|_)(terminal|atm|pos|tid)${ending}`)],
]
/** Columns that only begin like an entity. */
export const notAnEntity = /(^|_)(type|bin|date|time|is|has|flag|count|mode|version|os)(_|$)/

/** Whom transactions are keyed by, the best first. */
export const primaries = [
  'card',
  'account',
  'customer',
  'email',
  'phone',
  'device',
  'ip',
  'merchant',
  'terminal',
]

export const fieldHints: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['mcc', /(^|_)mcc$|merchant_?category|product_?c(ategory|d)$|^category$/],
  ['country', /(^|_)country(_?code)?$/],
  ['channel', /(^|_)channel$|entry_?mode$|^((tx|txn|trans|transaction)_)?type$/],
  ['email_domain', /e_?mail_?domain$/],
]
