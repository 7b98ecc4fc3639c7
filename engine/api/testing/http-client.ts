// Calls a server as a client would, and as none should: with requests made of raw bytes. Every reply is checked against
// docs/openapi.yaml and docs/decision.schema.json on its way.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type Agent, type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { readDocument } from '../../document.ts'

export interface Response {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Where to connect: a port of this machine or a Unix socket. */
export type Target = { readonly port: number } | { readonly socketPath: string }

export interface CallOptions {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

interface Operation {
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

const root = (path: string) => fileURLToPath(import.meta.resolve(`#root/${path}`))
export const openApi = readDocument(root('docs/openapi.yaml')).value as OpenApi
const ajv = new Ajv2020()
export const isDecision: ValidateFunction = ajv.compile(
  JSON.parse(readFileSync(root('docs/decision.schema.json'), 'utf8')) as object,
)
export const isProblem: ValidateFunction = ajv.compile(openApi.components.schemas['Problem']!)

/** Sends one request; rejects when there is no reply. */
export async function call(target: Target, options: CallOptions = {}): Promise<Response> {
  const { method = 'POST', path = '/v1/decisions', headers, body, agent } = options
  const isPost = method === 'POST' || method === 'PUT'
  const reply = await new Promise<Response>((resolve, reject) => {
    const sent = request({
      ...target,
      method,
      path,
      headers: { ...(isPost ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(agent === undefined ? {} : { agent }),
    })
    sent.once('error', reject)
    sent.once('response', (response) => {
      text(response).then((found) => {
        resolve({ status: response.statusCode!, headers: response.headers, body: found })
      }, reject)
    })
    sent.end(body)
  })
  assertDocumented(method, path, reply)
  return reply
}

/** The reply is one that the documents know. */
export function assertDocumented(method: string, path: string, { status, body }: Response): void {
  if (method === 'HEAD') return
  const checked = (validate: ValidateFunction): void => {
    assert.ok(validate(JSON.parse(body)), `${status} ${body}: ${JSON.stringify(validate.errors)}`)
  }
  if (status >= 400 && status !== 503) checked(isProblem)
  if (path.startsWith('/v1/') && status === 200) checked(isDecision)
  const known = Object.entries(openApi.paths).find(([pattern]) =>
    new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}(\\?.*)?$`).test(path),
  )
  const operation = known?.[1][method.toLowerCase()]
  if (operation === undefined) assert.ok([404, 405].includes(status), `${method} ${path} ${status}`)
  else assert.ok(String(status) in operation.responses, `${method} ${path} gave ${status}`)
}

/** Sends bytes, piece by piece, and resolves to all that came back when the server closed the connection. */
export function sendRaw(target: Target, pieces: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = 'port' in target ? connect(target.port, '127.0.0.1') : connect(target.socketPath)
    let found = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (found += chunk))
    socket.once('error', reject)
    socket.once('close', () => {
      resolve(found)
    })
    for (const piece of pieces) socket.write(piece)
  })
}

/** Status and body of each reply in a stream of them. */
export function splitReplies(text: string): { readonly status: number; readonly body: string }[] {
  const replies: { status: number; body: string }[] = []
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    assert.ok(end > 0, `a reply without an end: ${rest.toString()}`)
    const head = rest.toString('utf8', 0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    const body = rest.toString('utf8', end + 4, end + 4 + length)
    replies.push({ status: Number(head.split(' ')[1]), body })
    rest = rest.subarray(end + 4 + length)
  }
  return replies
}
