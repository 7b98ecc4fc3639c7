// Every reason why a message is not a transaction. The codes are part of the decision topic's schema: never renamed.
import { maskCardNumbers } from './cards.ts'
import type { Reject } from './transaction.ts'

/** Code → what it means. docs/mapping.md has this table. */
export const rejectReasons = {
  empty: 'no bytes, or nothing but white space (a tombstone is empty)',
  too_large: 'longer than 1 MiB',
  bad_utf8: 'not valid UTF-8, or an escape that is half a character',
  not_json: 'not one JSON document',
  not_object: 'JSON, but not an object',
  too_deep: 'nested deeper than 64',
  duplicate_key: 'a mapped field stands there twice',
  bad_csv: 'a quote that is not closed, or text behind a closing quote',
  bad_columns: 'another number of columns than the header has',
  bad_type: 'an object, a list, true or false where a text or number is expected',
  missing_id: 'no transaction id',
  id_too_long: 'an id of more than 256 bytes',
  bad_id: 'a transaction or primary id with control, direction or zero-width characters',
  id_conflict: 'the same id with other content',
  missing_primary: 'no id of the primary entity',
  entity_too_long: 'an entity id of more than 4,096 bytes',
  bad_tenant: 'a tenant that is not 1–32 letters, digits, _ and -',
  missing_time: 'no event time',
  bad_time: 'a time that does not exist or is not of the declared form',
  time_out_of_range: 'a time before 1970 or after 9999',
  time_in_future: 'a time (or own time) later than it was received, beyond the allowed skew',
  time_too_old: 'a time further back than the allowed age',
  missing_amount: 'no amount',
  bad_amount: 'an amount that is not a plain decimal of at least 0',
  amount_precision: 'an amount with more decimals than its currency',
  amount_too_large: 'an amount beyond 2^53 − 1 minor units',
  bad_currency: 'no currency code, or one that cannot be',
  bad_location: 'degrees that are no number or out of range',
  bad_label: 'a label that the mapping does not list',
  incomplete_label: 'a label message without a verdict',
  not_a_label: 'a transaction in the topic of labels',
  missing_at: 'a reversal, decline or label without its own time',
} as const satisfies Readonly<Record<string, string>>
export type RejectReason = keyof typeof rejectReasons

const foundMax = 120
/** So much more is looked at, so that a card number across the cut is seen whole. */
const cardCharsMax = 40

/** A reject as a value. `found` is cut to 120 characters and its card numbers are masked. */
export function makeReject(
  reason: RejectReason,
  field: string,
  expected: string,
  found: string,
): Reject {
  const seen = Buffer.from(found.slice(0, foundMax + cardCharsMax))
  const masked = Buffer.from(maskCardNumbers(seen)).toString()
  const cut = masked.length > foundMax ? `${masked.slice(0, foundMax - 1)}…` : masked
  return { reason, field, expected, found: cut }
}
