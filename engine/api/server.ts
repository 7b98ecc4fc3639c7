// The listeners: HTTP on a TCP port and on a Unix socket, with the same routes. Bounds every connection, gives every error a
// JSON body, and answers the calls of a connection in their order. It knows nothing of decisions.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { EngineError } from '../errors.ts'
import { problemReply, type Reply } from './reply.ts'

export interface ServerOptions {
  /** Resolves to the reply; null when the caller has gone. */
  answer(request: IncomingMessage): Promise<Reply | null>
  /** How long the headers of a call may take, and its body. */
  readonly requestMsMax: number
  onFailure(error: unknown): void
}

/** A path for a Unix socket, or host and port. */
export type Place = { readonly socket: string } | { readonly host: string; readonly port: number }

const headerBytesMax = 16 * 1024
const keepAliveMs = 65_000
const checkMsMax = 1000
/** Whoever may write to the socket may call: its owner and group. */
const socketMode = 0o660

export class ApiServer {
  readonly #options: ServerOptions
  readonly #servers: Server[] = []
  /** Calls of each connection that have no reply yet. */
  readonly #open = new Map<Socket, number>()
  /** What to say on a connection once its open calls have their replies. */
  readonly #last = new Map<Socket, Refusal>()
  #isClosing = false

  constructor(options: ServerOptions) {
    this.#options = options
  }

  /** Resolves to where it listens, for people. Rejects with EngineError. */
  async listen(place: Place): Promise<string> {
    const server = this.#make()
    if ('socket' in place) await removeStale(place.socket)
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(new EngineError('address_unavailable', `listening on ${textOf(place)}`, { cause }))
      })
      if ('socket' in place) server.listen(place.socket, resolve)
      else server.listen(place.port, place.host, resolve)
    })
    this.#servers.push(server)
    if ('socket' in place) {
      chmodSync(place.socket, socketMode)
      return place.socket
    }
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : place.port
    return textOf({ host: place.host, port })
  }

  /** Takes no new connections; resolves once every open call has its reply. A socket's file is gone then. */
  async close(): Promise<void> {
    this.#isClosing = true
    const closed = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve()
          })
        }),
    )
    // Those that are idle now; the others close with their last reply.
    for (const socket of this.#open.keys()) this.#endIfIdle(socket)
    await Promise.all(closed)
  }

  #make(): Server {
    const { requestMsMax } = this.#options
    const server = createServer({
      maxHeaderSize: headerBytesMax,
      headersTimeout: requestMsMax,
      // A slow body is told so by who reads it; this is for bodies that nobody reads.
      requestTimeout: requestMsMax * 2,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.min(checkMsMax, requestMsMax / 2),
      // Of no use here, and Node's refusal of a call without one has no body.
      requireHostHeader: false,
    })
    server.on('connection', (socket: Socket) => {
      this.#open.set(socket, 0)
      socket.once('close', () => {
        this.#open.delete(socket)
        this.#last.delete(socket)
      })
    })
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#reply(request, response, this.#options.answer(request))
    })
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      const found = request.headers.expect ?? 'nothing'
      const reply = problem(417, 'bad_expectation', 'expect', '100-continue or none', found)
      void this.#reply(request, response, Promise.resolve(reply))
    })
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#refuse(error, socket)
    })
    return server
  }

  async #reply(
    { socket }: IncomingMessage,
    response: ServerResponse,
    answered: Promise<Reply | null>,
  ): Promise<void> {
    this.#count(socket, 1)
    const reply = await answered.catch((error: unknown) => {
      this.#options.onFailure(error)
      return problem(500, 'unexpected', '$', 'a reply', 'a defect of Weir: please report it')
    })
    response.once('close', () => {
      this.#count(socket, -1)
      const last = this.#last.get(socket)
      if (last !== undefined && this.#open.get(socket) === 0) end(socket, last)
      else if (this.#isClosing) this.#endIfIdle(socket)
    })
    if (reply === null) {
      response.destroy()
      return
    }
    const { status, type, body, headers } = reply
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      // A body that never came leaves nothing behind which the next call could be told from.
      ...(this.#isClosing || status === 408 ? { connection: 'close' } : {}),
      ...headers,
    })
    response.end(body)
  }

  #count(socket: Socket, change: number): void {
    const open = this.#open.get(socket)
    if (open !== undefined) this.#open.set(socket, open + change)
  }

  #endIfIdle(socket: Socket): void {
    if (this.#open.get(socket) === 0) socket.end()
  }

  /** What is no HTTP, or came too slowly, is the last of its connection; calls before it are answered first. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const refusal = refusals.get(error.code ?? '') ?? badRequest
    if ((this.#open.get(socket) ?? 0) > 0) this.#last.set(socket, refusal)
    else end(socket, refusal)
  }
}

interface Refusal {
  readonly status: number
  readonly line: string
  readonly reply: Reply
}

/** A reply where Node has none to write to. */
function end(socket: Socket, { status, line, reply }: Refusal): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(
    `HTTP/1.1 ${status} ${line}\r\ncontent-type: ${reply.type}\r\n` +
      `content-length: ${Buffer.byteLength(reply.body)}\r\nconnection: close\r\n\r\n${reply.body}`,
  )
}

function problem(status: number, reason: string, field: string, expected: string, found: string) {
  return problemReply(status, { reason, field, expected, found })
}

function refusal(
  status: number,
  line: string,
  reason: string,
  expected: string,
  found: string,
): Refusal {
  return { status, line, reply: problem(status, reason, '$', expected, found) }
}

const badRequest = refusal(400, 'Bad Request', 'not_http', 'an HTTP/1.1 request', 'something else')

const refusals: ReadonlyMap<string, Refusal> = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    refusal(
      431,
      'Request Header Fields Too Large',
      'headers_too_large',
      `at most ${headerBytesMax} bytes of headers`,
      'more',
    ),
  ],
  [
    'ERR_HTTP_REQUEST_TIMEOUT',
    refusal(408, 'Request Timeout', 'slow_request', 'the whole request in time', 'a part of it'),
  ],
])

/** Unlinks the socket that a killed process left behind; a file of another kind or one that is answered on stays. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  const isAnswered = !found.isSocket() || (await answers(path))
  if (!isAnswered) {
    unlinkSync(path)
    return
  }
  const what = found.isSocket() ? 'another process listens on it' : 'a file that is no socket'
  throw new EngineError(
    'address_unavailable',
    `listening on ${path}: expected no such file, found ${what}`,
  )
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}

function textOf(place: Place): string {
  if ('socket' in place) return place.socket
  return `http://${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`
}
