// Claims about the listener: three routes and no more, ready only while the engine says so, closed at once.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { EngineError } from '../errors.ts'
import { Listener } from './listener.ts'

const scorer = () => 'cpu'

async function open(
  t: TestContext,
  isReady: () => boolean = () => true,
  text: () => Promise<string> = () => Promise.resolve('weir_x 1\n'),
): Promise<{ listener: Listener; origin: string }> {
  const metrics = { contentType: 'text/plain; version=0.0.4; charset=utf-8', text }
  const listener = await Listener.open({ host: '127.0.0.1', port: 0, isReady, scorer, metrics })
  t.after(() => listener.close())
  return { listener, origin: `http://127.0.0.1:${listener.port}` }
}

describe('the listener', () => {
  test('answers healthz, readyz and metrics, with a query or without', async (t) => {
    const { origin } = await open(t)
    for (const [path, text] of [
      ['/healthz', 'ok\n'],
      ['/readyz?verbose', 'ready\nscorer: cpu\n'],
      ['/metrics', 'weir_x 1\n'],
    ] as const) {
      const response = await fetch(origin + path)
      assert.equal(response.status, 200, path)
      assert.equal(await response.text(), text)
    }
    const { headers } = await fetch(`${origin}/metrics`)
    assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  })

  test('is 503 while the engine is not ready, and healthy all the same', async (t) => {
    let isReady = false
    const { origin } = await open(t, () => isReady)
    assert.equal((await fetch(`${origin}/readyz`)).status, 503)
    assert.equal((await fetch(`${origin}/healthz`)).status, 200)
    isReady = true
    assert.equal((await fetch(`${origin}/readyz`)).status, 200)
  })

  test('knows no other path and no other method', async (t) => {
    const { origin } = await open(t)
    for (const path of ['/', '/metrics/', '/healthz/x', '/v1/decisions', '/%6detrics']) {
      assert.equal((await fetch(origin + path)).status, 404, path)
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
      const response = await fetch(`${origin}/metrics`, { method })
      assert.equal(response.status, 405, method)
      assert.equal(response.headers.get('allow'), 'GET')
    }
  })

  test('says 500 when metrics cannot be gathered, and goes on', async (t) => {
    const { origin } = await open(t, undefined, () => Promise.reject(new Error('gone')))
    assert.equal((await fetch(`${origin}/metrics`)).status, 500)
    assert.equal((await fetch(`${origin}/healthz`)).status, 200)
  })

  test('a port that is taken is an error with its address and a code', async (t) => {
    const { listener } = await open(t)
    const metrics = { contentType: '', text: () => Promise.resolve('') }
    await assert.rejects(
      Listener.open({
        host: '127.0.0.1',
        port: listener.port,
        isReady: () => true,
        scorer,
        metrics,
      }),
      (error) =>
        error instanceof EngineError &&
        error.code === 'address_unavailable' &&
        error.message.includes(`127.0.0.1:${listener.port}`),
    )
  })

  test('closes while a connection that never asks is open', async () => {
    const metrics = { contentType: '', text: () => Promise.resolve('') }
    const listener = await Listener.open({
      host: '127.0.0.1',
      port: 0,
      isReady: () => true,
      scorer,
      metrics,
    })
    const socket = connect(listener.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.once('connect', resolve))
    await listener.close()
  })
})
