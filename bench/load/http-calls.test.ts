// Claims about calls over kept connections, to a server of node:http.
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { HttpCalls, type Reply, requestBytes } from './http-calls.ts'

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as { port: number }).port
}

function ask(calls: HttpCalls, body: string): Promise<Reply> {
  return new Promise((resolve) => {
    calls.call(requestBytes('/v1/decisions', Buffer.from(body)), resolve)
  })
}

test('each call gets its own reply, more calls than connections too, and connections are kept', async (t) => {
  const sockets = new Set<unknown>()
  const port = await serve(t, (request, response) => {
    sockets.add(request.socket)
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const body = Buffer.from(`${request.method} ${request.url} ${text} ü`.repeat(3000))
      // In pieces, the head alone first.
      response.writeHead(201, { 'content-length': body.length })
      response.write(body.subarray(0, 10))
      setImmediate(() => response.end(body.subarray(10)))
    })
  })
  const calls = new HttpCalls({ port }, (error) => {
    throw error
  })
  for (let round = 0; round < 2; round++) {
    const bodies = Array.from({ length: 200 }, (_, at) => `${round} ${at}`)
    const replies = await Promise.all(bodies.map((body) => ask(calls, body)))
    for (const [at, { status, body }] of replies.entries()) {
      assert.equal(status, 201)
      assert.equal(body, `POST /v1/decisions ${bodies[at]} ü`.repeat(3000))
    }
  }
  assert.equal(sockets.size, 64)
  calls.close()
})

test('a connection that ends within a call, and a reply without its length, are failures', async (t) => {
  const failureOf = (listener: RequestListener): Promise<string> =>
    new Promise((resolve) => {
      void serve(t, listener).then((port) => {
        const calls = new HttpCalls({ port }, ({ message }) => {
          resolve(message)
          calls.close()
        })
        calls.call(requestBytes('/', Buffer.from('{}')), () => {
          resolve('a reply')
        })
      })
    })
  assert.match(
    await failureOf((request) => request.socket.destroy()),
    /closed a connection|ECONNRESET/,
  )
  assert.match(
    await failureOf((_, response) => {
      response.write('chunked')
      response.end()
    }),
    /expected a reply with its length/,
  )
})
