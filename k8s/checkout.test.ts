// The sample payment service as a process, before a server on a Unix socket that answers as docs/decision.md says and
// as each test asks: claims about what a charge becomes, whatever Weir does. Never shows that Weir answers so.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, afterEach, test } from 'node:test'
import { SampleProcess, sampleCharge } from './testing/sample-process.ts'

type Answer = (call: IncomingMessage, reply: ServerResponse) => void

const folder = mkdtempSync(join(tmpdir(), 'weir-checkout-'))
const socket = join(folder, 'weir.sock')
const samples: SampleProcess[] = []
// More time than any of these calls takes on a busy machine.
const sample = await startSample(60_000)
after(() => {
  for (const one of samples) one.kill()
  rmSync(folder, { recursive: true })
})

let weir: Server | null = null
afterEach(() => {
  weir?.closeAllConnections()
  weir?.close()
  weir = null
})

async function answerWith(answer: Answer): Promise<Server> {
  weir = createServer(answer).listen(socket)
  await once(weir, 'listening')
  return weir
}

/** The next call that Weir gets, to be answered by the test. */
async function nextCall(server: Server): Promise<[IncomingMessage, ServerResponse]> {
  return (await once(server, 'request')) as [IncomingMessage, ServerResponse]
}

async function startSample(answerMsMax: number): Promise<SampleProcess> {
  const one = await SampleProcess.start(socket, answerMsMax)
  samples.push(one)
  return one
}

for (const [outcome, status, word] of [
  ['approve', 201, 'accepted'],
  ['review', 202, 'held'],
  ['deny', 402, 'refused'],
] as const) {
  test(`${outcome}: the charge is ${word}`, async () => {
    await answerWith((_, reply) => reply.end(JSON.stringify({ type: 'decision', outcome })))
    assert.deepEqual(await sample.pay(), [status, { charge: word }])
  })
}

test('the charge comes to Weir as it came to the sample', async () => {
  const server = await answerWith(() => undefined)
  const paid = sample.pay()
  const [call, reply] = await nextCall(server)
  assert.equal(`${call.method} ${call.url}`, 'POST /v1/decisions')
  assert.equal(call.headers['content-type'], 'application/json')
  assert.equal(await text(call), sampleCharge.toString('utf8'))
  reply.end('{"outcome":"approve"}')
  await paid
})

test('calls one after another share a connection', async () => {
  const ports = new Set<unknown>()
  await answerWith((call, reply) => {
    ports.add(call.socket)
    call.resume().once('end', () => reply.end('{"outcome":"approve"}'))
  })
  for (let count = 0; count < 5; count++) await sample.pay()
  assert.equal(ports.size, 1)
})

for (const status of [400, 409, 413]) {
  test(`${status} of Weir is the caller's to mend, and says how`, async () => {
    const body = { field: 'amount', expected: 'a decimal', found: 'twelve' }
    await answerWith((_, reply) => reply.writeHead(status).end(JSON.stringify(body)))
    assert.deepEqual(await sample.pay(), [status, body])
  })
}

const silences: readonly (readonly [string, Answer])[] = [
  ['Weir is full', (_, reply) => reply.writeHead(429).end('{}')],
  ['Weir is broken', (_, reply) => reply.writeHead(500).end('{"outcome":"approve"}')],
  ['the answer is not JSON', (_, reply) => reply.end('approve')],
  ['the answer is no decision', (_, reply) => reply.end('null')],
  ['the outcome is unknown', (_, reply) => reply.end('{"outcome":"perhaps"}')],
  ['the connection breaks', (call) => call.socket.destroy()],
  ['the answer breaks off', (_, reply) => reply.write('{"out', () => reply.destroy())],
]
for (const [title, answer] of silences) {
  test(`the charge is held when ${title}`, async () => {
    await answerWith(answer)
    assert.deepEqual(await sample.pay(), [202, { charge: 'held' }])
  })
}

test('the charge is held when no answer comes in time', { timeout: 20_000 }, async () => {
  const hasty = await startSample(50)
  await answerWith(() => undefined)
  assert.deepEqual(await hasty.pay(), [202, { charge: 'held' }])
})

test('without Weir charges are held; once it is there they are decided', async () => {
  assert.deepEqual(await sample.pay(), [202, { charge: 'held' }])
  const large = Buffer.alloc(1_000_000, 32)
  assert.deepEqual(await sample.pay(large), [202, { charge: 'held' }])
  await answerWith((_, reply) => reply.end('{"outcome":"deny"}'))
  assert.deepEqual(await sample.pay(), [402, { charge: 'refused' }])
})

test('the sample lives without Weir, and knows one route more', async () => {
  assert.equal((await fetch(`${sample.url}/healthz`)).status, 200)
  assert.equal((await fetch(`${sample.url}/charges`)).status, 404)
})

test('SIGTERM: the open charge is answered, then the sample ends', async () => {
  const ending = await startSample(60_000)
  const { child, url } = ending
  const server = await answerWith(() => undefined)
  const paid = ending.pay()
  const [, reply] = await nextCall(server)
  child.kill('SIGTERM')
  await waitForRefusal(url)
  reply.end('{"outcome":"approve"}')
  assert.deepEqual(await paid, [201, { charge: 'accepted' }])
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

/** Until nobody listens any more. Connections that were open may break first. */
async function waitForRefusal(url: string): Promise<void> {
  for (;;) {
    const error: unknown = await fetch(`${url}/healthz`).catch((error: unknown) => error)
    const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException) : null
    if (cause?.code === 'ECONNREFUSED') return
  }
}
