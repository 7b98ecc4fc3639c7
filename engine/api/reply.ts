// What goes back to a caller: a status, a JSON body and a few headers. Nothing here knows of sockets.
import type { Reject } from '../../features/transaction.ts'

export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
  /** Besides those of every reply. */
  readonly headers: Readonly<Record<string, string>>
}

const json = 'application/json'

export function documentReply(body: string, headers: Reply['headers'] = {}): Reply {
  return { status: 200, type: json, body, headers }
}

/** Every error has this body, whoever made it. */
export function problemReply(
  status: number,
  { reason, field, expected, found }: Reject,
  headers: Reply['headers'] = {},
): Reply {
  const body = JSON.stringify({ reason, field, expected, found })
  return { status, type: json, body, headers }
}

const retryAfter = { 'retry-after': '1' }

/** Not now: the same call may succeed in a second. */
export function busyReply(reject: Reject): Reply {
  return problemReply(429, reject, retryAfter)
}

export const conflictReply = problemReply(409, {
  reason: 'id_conflict',
  field: '$',
  expected: 'the content that this id had in an earlier call',
  found: 'other content under the same id',
})
