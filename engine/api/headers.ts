// The rules of the headers that a call may carry: each is right, or refused with what was expected and what was found.
import type { IncomingMessage } from 'node:http'
import { problemReply, type Reply } from './reply.ts'

export const deadlineHeader = 'weir-deadline-ms'
/** Longer than anyone waits for a payment, and short enough that all open calls are answered while stopping. */
export const deadlineMsMax = 5000

/** The deadline of a call in ms; a reply where it is none. */
export function readDeadline(request: IncomingMessage, initialMs: number): number | Reply {
  const values = request.headersDistinct[deadlineHeader]
  if (values === undefined) return initialMs
  const text = values.join(', ')
  const ms = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (ms >= 1 && ms <= deadlineMsMax) return ms
  const expected = `one whole number of milliseconds from 1 to ${deadlineMsMax}`
  return refuse(400, 'bad_deadline', deadlineHeader, expected, text)
}

/** Null for a body that is said to be plain JSON in UTF-8. */
export function checkContent(request: IncomingMessage): Reply | null {
  const types = request.headersDistinct['content-type'] ?? []
  const found = types.join(', ')
  if (types.length > 1 || found.includes(',')) {
    return refuse(400, 'several_content_types', 'content-type', 'application/json, once', found)
  }
  if (!jsonType.test(found)) {
    return refuse(415, 'bad_content_type', 'content-type', 'application/json', found)
  }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() === 'identity') return null
  return refuse(415, 'bad_content_encoding', 'content-encoding', 'none', encoding)
}

const jsonType = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i
const foundMax = 120

export function refuse(
  status: number,
  reason: string,
  field: string,
  expected: string,
  found: string,
): Reply {
  const cut = found.length > foundMax ? `${found.slice(0, foundMax - 1)}…` : found
  return problemReply(status, { reason, field, expected, found: cut === '' ? 'nothing' : cut })
}
