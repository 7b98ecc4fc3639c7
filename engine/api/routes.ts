// The table of routes and what each does with a request. docs/openapi.yaml says the same; a test compares them.
import type { IncomingMessage } from 'node:http'
import { primaryHashPattern } from '../../features/answer.ts'
import type { Clock } from '../core/ports.ts'
import { traceparentOf } from '../core/traceparent.ts'
import { type BodyBounds, readBody } from './body.ts'
import { checkContent, readDeadline, refuse } from './headers.ts'
import type { Intake } from './intake.ts'
import { documentReply, type Reply } from './reply.ts'
import type { Sidecar } from './sidecar.ts'

/** The page for a Prometheus scrape. */
export type Metrics = () => Promise<{ readonly contentType: string; readonly text: string }>

export interface Serving {
  readonly sidecar: Sidecar
  readonly intake: Intake
  readonly clock: Clock
  readonly deadlineMs: number
  readonly body: BodyBounds
  readonly metrics: Metrics | null
  /** False before admission and while draining. */
  readonly isReady: () => boolean
  /** What computes scores; null without a model. */
  readonly scorer: () => string | null
}

export interface Route {
  readonly method: 'GET' | 'POST'
  /** Segments in braces are handed to `run`, decoded. */
  readonly path: string
  /** Every status that `run` gives, 405 and 404 of unknown paths aside. */
  readonly statuses: readonly number[]
  run(
    serving: Serving,
    request: IncomingMessage,
    segments: readonly string[],
  ): Promise<Reply | null>
}

export const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/decisions',
    statuses: [200, 400, 408, 409, 413, 415, 429],
    run: decide,
  },
  {
    method: 'GET',
    path: '/v1/decisions/{primary}/{id}',
    statuses: [200, 400, 404, 429],
    run: find,
  },
  {
    method: 'GET',
    path: '/healthz',
    statuses: [200],
    run: () => Promise.resolve(documentReply('{"status":"alive"}')),
  },
  {
    method: 'GET',
    path: '/readyz',
    statuses: [200, 503],
    run: ({ isReady, scorer }) => {
      const isFine = isReady()
      const status = isFine ? 'ready' : 'not ready'
      const reply = documentReply(JSON.stringify({ status, scorer: scorer() }))
      return Promise.resolve(isFine ? reply : { ...reply, status: 503 })
    },
  },
  { method: 'GET', path: '/metrics', statuses: [200, 404], run: scrape },
]

/** Resolves to the reply to any request; null when the caller has gone. */
export async function dispatch(serving: Serving, request: IncomingMessage): Promise<Reply | null> {
  const [path = ''] = (request.url ?? '').split('?', 1)
  const matches = routes.flatMap((route) => {
    const segments = match(route.path, path)
    return segments === null ? [] : [{ route, segments }]
  })
  if (matches.length === 0) {
    const known = routes.map((route) => route.path).join(', ')
    return refuse(404, 'unknown_path', 'path', `one of ${known}`, path)
  }
  const { method = '' } = request
  const found = matches.find(({ route }) => route.method === method)
  if (found === undefined) {
    const allow = matches.map(({ route }) => route.method).join(', ')
    const reply = refuse(405, 'bad_method', 'method', allow, method)
    return { ...reply, headers: { allow } }
  }
  const segments = found.segments.map(decode)
  if (segments.includes(null)) {
    return refuse(400, 'bad_path', 'path', 'segments in percent-encoded UTF-8', path)
  }
  return found.route.run(serving, request, segments as string[])
}

async function decide(serving: Serving, request: IncomingMessage): Promise<Reply | null> {
  const { sidecar, clock, body: bounds } = serving
  const arrivedUs = clock.monotonicUs()
  const deadlineMs = readDeadline(request, serving.deadlineMs)
  if (typeof deadlineMs !== 'number') return deadlineMs
  const refused = checkContent(request) ?? sidecar.enter()
  if (refused !== null) return refused
  try {
    const body = await readBody(request, bounds)
    if (body === null || 'status' in body) return body
    const { traceparent } = request.headers
    return await sidecar.answer({
      body,
      arrivedMs: clock.nowMs(),
      dueUs: arrivedUs + deadlineMs * 1000,
      traceparent: typeof traceparent === 'string' ? traceparentOf(traceparent) : null,
    })
  } finally {
    sidecar.leave()
  }
}

async function find(
  serving: Serving,
  request: IncomingMessage,
  [primary = '', id = '']: readonly string[],
): Promise<Reply> {
  const { sidecar, intake, clock } = serving
  const arrivedUs = clock.monotonicUs()
  const deadlineMs = readDeadline(request, serving.deadlineMs)
  if (typeof deadlineMs !== 'number') return deadlineMs
  if (!primaryHashPattern.test(primary)) {
    const expected = 'the hash in the Location of the decision, 22 letters, digits, - and _'
    return refuse(400, 'bad_hash', 'path', expected, primary)
  }
  const dueUs = arrivedUs + deadlineMs * 1000
  return sidecar.find(intake.address(primary, id), dueUs)
}

async function scrape({ metrics }: Serving): Promise<Reply> {
  if (metrics === null) {
    return refuse(404, 'no_metrics', 'path', 'an engine that measures', 'one that does not')
  }
  const { contentType, text } = await metrics()
  return { status: 200, type: contentType, body: text, headers: {} }
}

/** The texts of the segments in braces; null where the path is another one. */
function match(pattern: string, path: string): string[] | null {
  const wanted = pattern.split('/')
  const found = path.split('/')
  if (wanted.length !== found.length) return null
  const segments: string[] = []
  for (const [at, part] of wanted.entries()) {
    if (part.startsWith('{') && found[at] !== '') segments.push(found[at]!)
    else if (part !== found[at]) return null
  }
  return segments
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}
