// The listener for changing models while the engine runs. On loopback only, and for programs only: it takes nothing that a
// browser would send by itself. It answers when the change has taken effect, or why it has not.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DocumentError } from '../../features/document.ts'
import type { SeatStats } from '../core/scoring.ts'
import { codeOf, describe, EngineError } from '../errors.ts'
import {
  entryOf,
  folderOf,
  type LineupFile,
  modelFolders,
  readLineup,
  replaced,
  rolledBack,
  seatsOf,
  writeLineup,
} from './lineup-file.ts'
import type { Change, Swapper } from './swapper.ts'

export interface AdminParts {
  readonly port: number
  /** The models folder; null: models can be looked at and not changed. */
  readonly folder: string | null
  readonly swapper: Swapper
  seats(): readonly SeatStats[]
}

interface Reply {
  readonly status: number
  readonly body: object
}

const host = '127.0.0.1'
const bodyBytesMax = 4096
const requestMsMax = 5000
const shareRule = 'a percentage from 0 to 100 with at most two decimals'

export class Admin {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Rejects with EngineError where it cannot listen. */
  static async open(parts: AdminParts): Promise<Admin> {
    const routes = new AdminRoutes(parts)
    const server = createServer(
      {
        headersTimeout: requestMsMax,
        requestTimeout: requestMsMax,
        connectionsCheckingInterval: requestMsMax / 2,
        maxHeaderSize: 8192,
      },
      (request, response) => {
        void routes.answer(request).then((reply) => {
          end(response, reply)
        })
      },
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `listening on ${host}:${parts.port}`
        reject(new EngineError('address_unavailable', message, { cause }))
      })
      server.listen({ host, port: parts.port }, resolve)
    })
    return new Admin(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

class AdminRoutes {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /** Never rejects. */
  async answer(request: IncomingMessage): Promise<Reply> {
    try {
      return refuseStranger(request) ?? (await this.#route(request))
    } catch (error) {
      return problemOf(error)
    }
  }

  async #route(request: IncomingMessage): Promise<Reply> {
    const { method = '', url = '' } = request
    const path = url.split('?', 1)[0]!
    if (path === '/admin/models') {
      return method === 'GET' ? this.#list() : problem(405, 'method', 'GET', method)
    }
    if (path === '/admin/rollback') {
      if (method !== 'POST') return problem(405, 'method', 'POST', method)
      return this.#change(() => rolledBack(this.#file()) ?? nothingBefore)
    }
    const [, name] = /^\/admin\/models\/([A-Za-z0-9][A-Za-z0-9._-]{0,63})$/.exec(path) ?? []
    if (name === undefined) {
      const known = 'GET /admin/models, POST or DELETE /admin/models/{name}, POST /admin/rollback'
      return problem(404, 'path', known, path)
    }
    if (method === 'POST') return this.#place(name, request)
    if (method === 'DELETE') return this.#change(() => without(this.#file(), name))
    return problem(405, 'method', 'POST or DELETE', method)
  }

  #list(): Reply {
    const { folder, swapper } = this.#parts
    const stats = this.#parts.seats()
    const models = swapper.placed.map(({ folder: from, seat: { model } }) => {
      const known = stats.find((one) => one.model === model)
      if (known === undefined) return { folder: from, model: null }
      const { role, share, outcomes, scored, unscored, scoreSum, absent } = known
      const { name, version, hash, scorer, attribution } = model!
      const mean = scored === 0 ? null : scoreSum / scored
      const percent = share / 100
      return {
        ...{ folder: from, name, version, hash, scorer, attribution, role, percent },
        ...{ scored, unscored, mean, outcomes, absent },
      }
    })
    const known = folder === null ? [] : modelFolders(folder)
    const before = folder === null ? [] : (readLineup(folder)?.before ?? [])
    return { status: 200, body: { models, folders: known, before, ...swapper.stats } }
  }

  /** Puts a model of the folder into the champion's seat, or beside it. */
  async #place(name: string, request: IncomingMessage): Promise<Reply> {
    const text = await readText(request)
    if (text === null) return problem(413, 'body', `at most ${bodyBytesMax} bytes`, 'more')
    const wish = readWish(text)
    if ('status' in wish) return wish
    const { role, share } = wish
    return this.#change(() => {
      const file = this.#file()
      const others = file.models.filter((entry) => folderOf(entry) !== name)
      if (role === 'champion') {
        const [, ...challengers] = file.models
        const rest = challengers.filter((entry) => folderOf(entry) !== name)
        return replaced(file, [name, ...rest])
      }
      const [champion] = file.models
      if (champion === undefined) {
        const { folder: from } = this.#parts.swapper.placed[0]!
        return problem(409, 'role', 'first a champion of the models folder', from)
      }
      if (folderOf(champion) === name) {
        return problem(409, 'role', 'another model to be made champion first', 'the champion')
      }
      return replaced(file, [...others, entryOf(name, share)])
    })
  }

  #change(next: () => LineupFile | Reply): Promise<Reply> {
    return this.#parts.swapper.inTurn((change) => this.#changeNow(next, change))
  }

  async #changeNow(next: () => LineupFile | Reply, change: Change): Promise<Reply> {
    const { folder } = this.#parts
    if (folder === null) {
      const expected = 'models_folder to be set: models come from there'
      return problem(409, 'models_folder', expected, 'nothing')
    }
    const lineup = next()
    if ('status' in lineup) return lineup
    const known = modelFolders(folder)
    const missing = lineup.models.map(folderOf).find((name) => !known.includes(name))
    if (missing !== undefined) {
      return problem(404, 'name', `one of ${known.join(', ') || '(none)'}`, missing)
    }
    await writeLineup(folder, lineup, () => change(seatsOf(folder, lineup.models)))
    return this.#list()
  }

  /** Without a file yet: what decides now; no models where their champion is not of the folder, and cannot be written down. */
  #file(): LineupFile {
    const { folder, swapper } = this.#parts
    const file = readLineup(folder!)
    if (file !== null) return file
    const known = modelFolders(folder!)
    const names = swapper.placed.map(({ folder: from, seat: { share } }) => {
      const name = known.find((one) => seatsOf(folder!, [one])[0]!.folder === from)
      return name === undefined ? null : entryOf(name, share)
    })
    const models = names[0] === null ? [] : names.filter((name) => name !== null)
    return { models, before: [] }
  }
}

const nothingBefore = problem(409, 'lineup', 'a lineup before this one', 'none')

function without(file: LineupFile, name: string): LineupFile | Reply {
  const at = file.models.findIndex((entry) => folderOf(entry) === name)
  if (at === 0)
    return problem(409, 'name', 'a challenger: the champion is replaced, not removed', name)
  if (at < 0) return problem(404, 'name', `one of ${file.models.join(', ')}`, name)
  return replaced(
    file,
    file.models.filter((_, index) => index !== at),
  )
}

interface Wish {
  readonly role: 'champion' | 'challenger'
  /** Hundredths of a percent. */
  readonly share: number
}

function readWish(text: string): Wish | Reply {
  let body: unknown
  try {
    body = text.trim() === '' ? {} : JSON.parse(text)
  } catch (error) {
    return problem(400, 'body', 'JSON', describe(error))
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return problem(400, 'body', 'an object with role and percent', JSON.stringify(body))
  }
  const { role = 'champion', percent = 0, ...more } = body as Record<string, unknown>
  const [unknown] = Object.keys(more)
  if (unknown !== undefined) return problem(400, 'body', 'role and percent only', unknown)
  if (role !== 'champion' && role !== 'challenger') {
    return problem(400, 'role', 'champion or challenger', JSON.stringify(role))
  }
  const share = shareOf(percent)
  if (share === null) {
    return problem(400, 'percent', shareRule, JSON.stringify(percent))
  }
  if (role === 'champion' && share > 0) {
    return problem(
      400,
      'percent',
      'no share of a champion: it has whom no challenger has',
      String(percent),
    )
  }
  return { role, share }
}

/** In hundredths of a percent, all of them: what is rounded to none would decide for nobody. */
function shareOf(percent: unknown): number | null {
  if (typeof percent !== 'number' || percent < 0 || percent > 100) return null
  const share = Math.round(percent * 100)
  return share / 100 === percent ? share : null
}

/** Pages of a browser may send to loopback too, but not without saying where they come from. */
function refuseStranger({ headers, method }: IncomingMessage): Reply | null {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) {
    return problem(403, 'origin', 'a program on this machine', 'a browser')
  }
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(headers.host ?? '')) {
    return problem(403, 'host', 'localhost', headers.host ?? 'nothing')
  }
  const type = headers['content-type'] ?? 'application/json'
  if (method === 'POST' && !type.startsWith('application/json')) {
    return problem(415, 'content-type', 'application/json', type)
  }
  return null
}

function problemOf(error: unknown): Reply {
  const code = codeOf(error)
  if (error instanceof DocumentError) {
    return { status: 422, body: { reason: code, faults: error.faults } }
  }
  return { status: 500, body: { reason: code, message: describe(error) } }
}

function problem(status: number, field: string, expected: string, found: string): Reply {
  return { status, body: { reason: 'refused', field, expected, found } }
}

/** Null for more than is taken. */
async function readText(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= bodyBytesMax) chunks.push(chunk)
  }
  return bytes > bodyBytesMax ? null : Buffer.concat(chunks).toString('utf8')
}

function end(response: ServerResponse, { status, body }: Reply): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}
