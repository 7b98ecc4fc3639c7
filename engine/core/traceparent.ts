// The header that ties a transaction to its trace, as W3C Trace Context has it. Only what has that form is passed on: anybody may
// have written it, and it ends up in messages and dead letters.

/** Version, trace id, parent id, flags; a later version may say more behind them. */
const form =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,200})?$/

/** The text, or null for what is no traceparent. */
export function traceparentOf(text: string): string | null {
  return form.test(text) ? text : null
}
