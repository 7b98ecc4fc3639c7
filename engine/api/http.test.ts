// Bad and odd HTTP, each case of it: the right status and reason, and the next good call is decided right.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { corpus, transactionJson } from '../../features/testing/corpus.ts'
import { EngineError } from '../errors.ts'
import { dispatch, type Serving } from './routes.ts'
import { ApiServer } from './server.ts'
import { call, isProblem, sendRaw, splitReplies } from './testing/http-client.ts'
import { documentOf, SidecarWorld } from './testing/sidecar-world.ts'

const requestMsMax = 400
const folder = mkdtempSync(join(tmpdir(), 'weir-http-'))
const world = new SidecarWorld({ waitingMax: 256 })
let server: ApiServer
let target: { port: number }
const socketPath = join(folder, 'weir.sock')

function makeServer(change: Partial<Serving> = {}): ApiServer {
  const body = { bytesMax: 1024 * 1024, msMax: requestMsMax }
  const serving: Serving = { ...world.serving, body, ...change }
  return new ApiServer({
    answer: (incoming) => dispatch(serving, incoming),
    requestMsMax,
    onFailure: (error) => {
      throw error
    },
  })
}

before(async () => {
  server = makeServer()
  const place = await server.listen({ host: '127.0.0.1', port: 0 })
  target = { port: Number(new URL(place).port) }
  await server.listen({ socket: socketPath })
})
after(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

let good = 0

/** A good call is decided, whatever was before it. */
async function assertWell(): Promise<void> {
  const { status, body } = await call(target, {
    body: transactionJson({ id: `good-${good++}`, card: 'well' }),
  })
  assert.equal(status, 200)
  assert.equal(documentOf({ body }).features!['card_count_1d'], good)
}

function reasonOf(body: string): string {
  const problem = JSON.parse(body) as { reason: string }
  assert.ok(isProblem(problem), body)
  return problem.reason
}

function head(method: string, headers: readonly string[], path = '/v1/decisions'): string {
  return `${[`${method} ${path} HTTP/1.1`, 'host: w', ...headers].join('\r\n')}\r\n\r\n`
}

for (const { name, bytes, reason } of corpus) {
  if (bytes !== null && bytes.length > 1024 * 1024) continue
  test(`a body that is ${name}: ${reason ?? 'decided'}`, async () => {
    const { status, body } = await call(target, { body: bytes ?? Buffer.alloc(0) })
    if (reason === null) assert.equal(status, 200, body)
    else {
      assert.equal(reasonOf(body), reason)
      assert.equal(status, reason === 'id_conflict' ? 409 : 400)
    }
  })
}

test('the good calls after all of these are decided right', async () => {
  const card = { card: 'after-corpus' }
  for (const count of [1, 2]) {
    const { body } = await call(target, {
      body: transactionJson({ ...card, id: `after-${count}` }),
    })
    assert.equal(documentOf({ body }).features!['card_count_1d'], count)
  }
})

const types: readonly [string, string | string[], number, string][] = [
  ['another', 'text/plain', 415, 'bad_content_type'],
  ['none', '', 415, 'bad_content_type'],
  ['a form', 'application/x-www-form-urlencoded', 415, 'bad_content_type'],
  ['another charset', 'application/json; charset=latin1', 415, 'bad_content_type'],
  ['two in one', 'application/json, text/plain', 400, 'several_content_types'],
]
for (const [name, type, status, reason] of types) {
  test(`content type, ${name}: ${status} ${reason}`, async () => {
    const reply = await call(target, { headers: { 'content-type': type }, body: transactionJson() })
    assert.equal(reply.status, status)
    assert.equal(reasonOf(reply.body), reason)
  })
}

test('two headers of a content type are refused, also where both are right', async () => {
  const type = 'content-type: application/json'
  const sent = head('POST', [type, type, 'content-length: 2', 'connection: close'])
  const [reply] = splitReplies(await sendRaw(target, [sent, '{}']))
  assert.equal(reply!.status, 400)
  assert.equal(reasonOf(reply!.body), 'several_content_types')
})

test('JSON in UTF-8 may say so', async () => {
  const headers = { 'content-type': 'Application/JSON; charset="UTF-8"' }
  const body = transactionJson({ id: 'charset', card: 'charset' })
  assert.equal((await call(target, { headers, body })).status, 200)
})

test('an encoded body is refused before it is read', async () => {
  const reply = await call(target, { headers: { 'content-encoding': 'gzip' }, body: 'x' })
  assert.equal(reply.status, 415)
  assert.equal(reasonOf(reply.body), 'bad_content_encoding')
})

for (const value of [
  '-1',
  '0',
  'NaN',
  '31536000000',
  '1.5',
  '1e3',
  '',
  '20, 30',
  '5001',
  'x'.repeat(999),
]) {
  test(`a deadline of ${JSON.stringify(value.slice(0, 12))} is refused, naming the header`, async () => {
    const headers = { 'weir-deadline-ms': value }
    const reply = await call(target, { headers, body: transactionJson() })
    assert.equal(reply.status, 400)
    const { field, expected, found } = JSON.parse(reply.body) as Record<string, string>
    assert.equal(field, 'weir-deadline-ms')
    assert.match(expected!, /from 1 to 5000/)
    assert.equal(found!.slice(0, 20), value.slice(0, 20) || 'nothing')
  })
}

test('a deadline within bounds is kept: the stand-in is out before it, the default would have waited', async () => {
  world.store.hold()
  const headers = { 'weir-deadline-ms': '30' }
  const body = transactionJson({ id: 'deadline', card: 'deadline' })
  const reply = await call(target, { headers, body })
  world.store.letGo()
  assert.equal(reply.status, 200)
  assert.equal(documentOf(reply).rung, 'stand-in')
})

test('methods that a path has not: 405 with those it has', async () => {
  for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'GET', 'TRACE']) {
    const { status, headers, body } = await call(target, { method })
    assert.equal(status, 405, method)
    assert.equal(headers.allow, 'POST')
    if (method !== 'HEAD') assert.equal(reasonOf(body), 'bad_method')
  }
  const stored = await call(target, { method: 'DELETE', path: '/v1/decisions/a/b' })
  assert.equal(stored.headers.allow, 'GET')
})

test('paths that there are not: 404, naming those that there are', async () => {
  for (const path of [
    '/',
    '/v1',
    '/v1/decisions/',
    '/v1/decisions/a',
    '/v1/decisions//b',
    '/v1/decisions/a/b/c',
    '/V1/decisions',
    '//v1/decisions',
    '/v1/decisions%2f',
    '/healthz/',
  ]) {
    const reply = await call(target, { method: 'GET', path })
    assert.equal(reply.status, 404, path)
    assert.equal(reasonOf(reply.body), 'unknown_path')
  }
})

test('a stored answer is found where Location says, with any id', async () => {
  for (const id of ['plain', 'a/b', 'a%2Fb', '../..', 'ü 💳?#&', '{}:*', 'w:x:{b00}:answer']) {
    const first = await call(target, { body: transactionJson({ id, card: 'stored' }) })
    assert.equal(first.status, 200)
    const path = first.headers.location!
    assert.ok(!path.includes('stored'), 'no raw card')
    const found = await call(target, { method: 'GET', path })
    assert.equal(found.status, 200)
    assert.equal(found.body, first.body)
  }
})

test('an answer that is not there, a hash that is none and a broken escape are told apart', async () => {
  const { headers } = await call(target, { body: transactionJson({ id: 'here', card: 'gone' }) })
  const gone = headers.location!.replace('here', 'gone')
  const none = await call(target, { method: 'GET', path: gone })
  assert.deepEqual([none.status, reasonOf(none.body)], [404, 'no_answer'])
  const hash = await call(target, { method: 'GET', path: '/v1/decisions/4111/x' })
  assert.deepEqual([hash.status, reasonOf(hash.body)], [400, 'bad_hash'])
  const path = headers.location!.replace('here', '%E0%A4')
  const escape = await call(target, { method: 'GET', path })
  assert.deepEqual([escape.status, reasonOf(escape.body)], [400, 'bad_path'])
})

test('a body over the limit is refused, announced or not, and the connection lives on', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const body = Buffer.alloc(1024 * 1024 + 1, 32)
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const reply = await call(target, { body, headers, agent })
    assert.deepEqual([reply.status, reasonOf(reply.body)], [413, 'too_large'])
  }
  const next = await call(target, { body: transactionJson({ id: 'n', card: 'large' }), agent })
  assert.equal(next.status, 200)
  agent.destroy()
})

test('slow headers: 408 in JSON, and the connection is closed', async () => {
  const found = await sendRaw(target, ['POST /v1/decisions HTTP/1.1\r\nhost: w\r\n'])
  const [reply] = splitReplies(found)
  assert.equal(reply!.status, 408)
  assert.equal(reasonOf(reply!.body), 'slow_request')
})

test('a slow body, or a Content-Length that promises more than comes: 408, and the connection is closed', async () => {
  const json = 'content-type: application/json'
  const found = await sendRaw(target, [head('POST', [json, 'content-length: 500']), '{"id":'])
  const [reply] = splitReplies(found)
  assert.equal(reply!.status, 408)
  assert.equal(reasonOf(reply!.body), 'slow_body')
  assert.equal(world.sidecar.stats.waiting, 0)
})

test('a Content-Length that promises less than comes: the cut body is refused, the rest is no HTTP', async () => {
  const body = transactionJson({ id: 'cut', card: 'cut' })
  const json = 'content-type: application/json'
  const found = await sendRaw(target, [head('POST', [json, 'content-length: 10']) + body])
  const replies = splitReplies(found)
  assert.deepEqual(
    replies.map(({ body: found }) => reasonOf(found)),
    ['not_json', 'not_http'],
  )
})

test('what is not HTTP, contradicts itself or has too many headers is refused in JSON', async () => {
  const cases: [string, number, string][] = [
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'not_http'],
    ['GET /healthz HTTP/9.9\r\n\r\n', 400, 'not_http'],
    [head('POST', ['content-length: 2', 'content-length: 3']), 400, 'not_http'],
    [head('POST', ['content-length: 2', 'transfer-encoding: chunked']), 400, 'not_http'],
    [head('POST', ['content-length: -1']), 400, 'not_http'],
    [head('GET', [`x: ${'y'.repeat(20_000)}`], '/healthz'), 431, 'headers_too_large'],
    [head('POST', ['expect: a-miracle', 'connection: close']), 417, 'bad_expectation'],
  ]
  for (const [sent, status, reason] of cases) {
    const [reply] = splitReplies(await sendRaw(target, [sent]))
    assert.deepEqual([reply!.status, reasonOf(reply!.body)], [status, reason], sent.slice(0, 60))
  }
  await assertWell()
})

test('a hundred pipelined calls are answered in their order', async () => {
  const sent = Array.from({ length: 100 }, (_, n) => {
    const body = transactionJson({ id: `p${n}`, card: `pipelined-${n % 3}` })
    const close = n === 99 ? ['connection: close'] : []
    const length = `content-length: ${Buffer.byteLength(body)}`
    return head('POST', ['content-type: application/json', length, ...close]) + body
  })
  const replies = splitReplies(await sendRaw(target, [sent.join('')]))
  assert.deepEqual(
    replies.map(({ status, body }) => [status, (JSON.parse(body) as { id: string }).id]),
    sent.map((_, n) => [200, `p${n}`]),
  )
})

test('calls of one keep-alive connection share it', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ports = new Set<number | undefined>()
  for (let n = 0; n < 3; n++) {
    const sent = request({ ...target, path: '/healthz', agent })
    sent.once('socket', (socket) => {
      socket.once('connect', () => ports.add(socket.localPort))
    })
    await new Promise<void>((resolve) => {
      sent.once('response', (response) => response.resume().once('end', resolve))
      sent.end()
    })
  }
  assert.equal(ports.size, 1)
  agent.destroy()
})

test('a caller that leaves in the middle of its body, or before its answer, takes no place for ever', async () => {
  const json = 'content-type: application/json'
  world.store.hold()
  for (const length of [500, 2]) {
    const socket = connect(target.port, '127.0.0.1')
    socket.write(`${head('POST', [json, `content-length: ${length}`])}{}`)
    await new Promise((resolve) => socket.write('', resolve))
    socket.destroy()
  }
  world.store.letGo()
  while (world.sidecar.stats.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  await assertWell()
})

test('beyond the calls that may wait: 429 with Retry-After', async () => {
  const crowded = new SidecarWorld({ waitingMax: 1 })
  const busy = makeServer({ sidecar: crowded.sidecar })
  const place = { port: Number(new URL(await busy.listen({ host: '127.0.0.1', port: 0 })).port) }
  crowded.store.hold()
  const first = call(place, { body: transactionJson() })
  while (crowded.store.batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const second = await call(place, { body: transactionJson({ id: 'b' }) })
  assert.equal(second.status, 429)
  assert.equal(second.headers['retry-after'], '1')
  crowded.store.letGo()
  assert.equal((await first).status, 200)
  await busy.close()
})

test('health and readiness; metrics where there are some', async () => {
  const get = (path: string, at = target) => call(at, { method: 'GET', path })
  assert.equal((await get('/healthz')).body, '{"status":"alive"}')
  assert.equal((await get('/readyz?verbose')).body, '{"status":"ready","scorer":"cpu"}')
  world.isReady = false
  assert.equal((await get('/readyz')).status, 503)
  assert.equal((await get('/healthz')).status, 200)
  world.isReady = true
  assert.equal((await get('/metrics')).status, 404)
  const metrics = () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'a 1\n' })
  const measured = makeServer({ metrics })
  const port = Number(new URL(await measured.listen({ host: '127.0.0.1', port: 0 })).port)
  const page = await get('/metrics', { port })
  assert.deepEqual(
    [page.headers['content-type'], page.body],
    ['text/plain; version=0.0.4', 'a 1\n'],
  )
  await measured.close()
})

test('the Unix socket answers the same, only its owner and group may write to it, and it goes with the server', async () => {
  const path = join(folder, 'own.sock')
  const own = makeServer()
  await own.listen({ socket: path })
  assert.equal(statSync(path).mode & 0o777, 0o660)
  const body = transactionJson({ id: 'unix', card: 'unix' })
  const reply = await call({ socketPath: path }, { body })
  assert.deepEqual((await call(target, { body })).body, reply.body)
  await own.close()
  assert.ok(!existsSync(path))
})

test('a socket that a killed process left behind is replaced; one that is in use, or another file, is not', async () => {
  const refused = (place: Parameters<ApiServer['listen']>[0], found: RegExp) =>
    assert.rejects(makeServer().listen(place), (error: EngineError) => {
      assert.equal(error.code, 'address_unavailable')
      assert.match(error.message, found)
      return true
    })
  await refused({ socket: socketPath }, /another process listens on it/)
  const file = join(folder, 'file')
  writeFileSync(file, 'precious')
  await refused({ socket: file }, /a file that is no socket/)
  await refused({ host: '127.0.0.1', port: target.port }, /listening on http/)

  // A listener whose file was moved away unlinks nothing when it ends: as if it had been killed.
  const stale = join(folder, 'stale.sock')
  const left = createServer().listen(`${stale}.tmp`)
  await new Promise((resolve) => left.once('listening', resolve))
  renameSync(`${stale}.tmp`, stale)
  await new Promise((resolve) => left.close(resolve))
  assert.ok(existsSync(stale))
  const heir = makeServer()
  await heir.listen({ socket: stale })
  assert.equal((await call({ socketPath: stale }, { method: 'GET', path: '/healthz' })).status, 200)
  await heir.close()
})

test('closing answers the open calls, and waits for no idle connection', async () => {
  const open = new SidecarWorld()
  const closing = makeServer({ sidecar: open.sidecar })
  const port = Number(new URL(await closing.listen({ host: '127.0.0.1', port: 0 })).port)
  const agent = new Agent({ keepAlive: true })
  await call({ port }, { method: 'GET', path: '/healthz', agent })
  const silent = connect(port, '127.0.0.1')
  await new Promise((resolve) => silent.once('connect', resolve))
  open.store.hold()
  const asked = call({ port }, { body: transactionJson(), agent: new Agent({ keepAlive: true }) })
  while (open.store.batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const closed = closing.close()
  await assert.rejects(call({ port }, { body: transactionJson({ id: 'late' }) }), /ECONNREFUSED/)
  open.store.letGo()
  const reply = await asked
  assert.equal(documentOf(reply).rung, 'full')
  assert.equal(reply.headers.connection, 'close')
  await closed
  agent.destroy()
})
