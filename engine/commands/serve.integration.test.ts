// `weir serve` as users run it, on a real Redis that is shared, frozen, away and back.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { corpusMapping } from '../../features/testing/corpus.ts'
import { RedisProxy } from '../../features/testing/redis-proxy.ts'
import { RedisServer } from '../../features/testing/redis-server.ts'
import { call, type Response } from '../api/testing/http-client.ts'
import { documentOf } from '../api/testing/sidecar-world.ts'
import { EngineProcess } from '../testing/engine-process.ts'
import { freePort, patient, SidecarProcess } from '../testing/sidecar-process.ts'

function start(redisUrl: string | undefined, policy?: string): Promise<SidecarProcess> {
  return SidecarProcess.start({ redisUrl, policy })
}

async function untilFull(sidecar: SidecarProcess, card: string): Promise<Response> {
  for (let n = 0; ; n++) {
    const reply = await sidecar.ask({ id: `back-${n}`, card })
    assert.equal(reply.status, 200, reply.body)
    if (documentOf(reply).rung === 'full') return reply
  }
}

describe('weir serve', () => {
  let redis: RedisServer
  before(async () => {
    redis = await RedisServer.start()
  })
  after(async () => {
    await redis.stop()
  })

  test('calls in parallel to two sidecars on one card see 0 to N − 1 others', async () => {
    const sidecars = [await start(redis.url), await start(redis.url)]
    const replies = await Promise.all(
      Array.from({ length: 120 }, (_, n) => sidecars[n % 2]!.ask({ id: `n${n}`, card: 'many' })),
    )
    const counts = replies.map((reply) => documentOf(reply).features!['card_count_1d']!)
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      Array.from({ length: 120 }, (_, n) => n + 1),
    )
    for (const sidecar of sidecars) await sidecar.stop()
  })

  test('one id to two sidecars at once: the same bytes; later too, from a third with another policy', async () => {
    const one = await start(redis.url)
    const two = await start(redis.url)
    const first: Response[] = []
    for (let n = 0; n < 30; n++) {
      const asked = { id: `twice-${n}`, card: 'twice' }
      const [a, b] = await Promise.all([one.ask(asked), two.ask(asked)])
      assert.equal(a.body, b.body)
      assert.equal(documentOf(a).features!['card_count_1d'], n + 1, 'counted once')
      first.push(a)
    }
    await one.stop()
    await two.stop()
    const policy = 'thresholds: { review: 0, deny: 0 }'
    const swapped = await start(redis.url, policy)
    const fresh = documentOf(await swapped.ask({ id: 'fresh', card: 'twice' }))
    assert.notEqual(fresh.outcome, documentOf(first[0]!).outcome)
    for (let n = 0; n < 30; n++) {
      const again = await swapped.ask({ id: `twice-${n}`, card: 'twice' })
      assert.equal(again.body, first[n]!.body)
      assert.equal((await swapped.get(again.headers.location!)).body, first[n]!.body)
    }
    const conflict = await swapped.ask({ id: 'twice-0', card: 'twice', amount: '1.00' })
    assert.equal(conflict.status, 409)
    await swapped.stop()
  })

  test('while Redis is frozen calls stand in by their deadline; then it is whole, and nothing that was answered changes', async () => {
    const sidecar = await start(redis.url)
    const replica = await start(redis.url)
    const card = 'frozen'
    await sidecar.ask({ id: 'before', card })
    redis.pause()
    const standIns: Response[] = []
    try {
      for (let n = 0; n < 5; n++) {
        // It comes while Redis is frozen: so it did not wait for it.
        const reply = await sidecar.ask({ id: `f${n}`, card }, { 'weir-deadline-ms': '20' })
        assert.equal(reply.status, 200)
        const { rung, outcome, degraded } = documentOf(reply)
        assert.deepEqual([rung, outcome], ['stand-in', 'deny'])
        assert.deepEqual(degraded, ['features', 'score'])
        standIns.push(reply)
      }
      assert.equal((await sidecar.get('/readyz')).status, 200)
      const unknown = standIns[0]!.headers.location!.replace('f0', 'unknown')
      assert.equal((await sidecar.get(unknown, { 'weir-deadline-ms': '20' })).status, 429)
    } finally {
      redis.resume()
    }
    await untilFull(sidecar, card)
    for (const [n, { body, headers }] of standIns.entries()) {
      assert.equal((await sidecar.ask({ id: `f${n}`, card })).body, body)
      // Kept for the other one as soon as it has been counted.
      let found = await replica.get(headers.location!)
      while (found.status !== 200) found = await replica.get(headers.location!)
      assert.equal(found.body, body)
      assert.equal((await replica.ask({ id: `f${n}`, card })).body, body)
    }
    const stopped = await sidecar.stop()
    const calls = Number(/after (\d+) calls/.exec(stopped)![1])
    assert.match(stopped, /\(0 not counted\)/)
    const counted = documentOf(await replica.ask({ id: 'count', card })).features!['card_count_1d']
    assert.equal(counted, calls - standIns.length + 1, 'each transaction once, retries never')
    await replica.stop()
  })

  test('started while Redis is away it answers, and is whole once Redis is there', async () => {
    const proxy = await RedisProxy.start(redis.port)
    proxy.away(true)
    const sidecar = await start(proxy.url)
    assert.match(sidecar.stderr, /Redis is away: decisions stand in/)
    assert.equal((await sidecar.get('/readyz')).status, 200)
    const early = { id: 'early', card: 'away' }
    const reply = await sidecar.ask(early, { 'weir-deadline-ms': '20' })
    assert.equal(documentOf(reply).rung, 'stand-in')
    proxy.away(false)
    await untilFull(sidecar, 'away')
    proxy.away(true)
    assert.equal(
      documentOf(await sidecar.ask({ id: 'gone', card: 'away' }, { 'weir-deadline-ms': '20' }))
        .rung,
      'stand-in',
    )
    assert.equal((await sidecar.ask(early)).body, reply.body)
    await sidecar.stop()
    await proxy.stop()
  })

  test('SIGTERM with a call open and Redis frozen: the call is answered, the exit is 0', async () => {
    const sidecar = await start(redis.url)
    await sidecar.ask({ id: 'warm', card: 'term' })
    redis.pause()
    try {
      const asked = sidecar.ask({ id: 'open', card: 'term' }, { 'weir-deadline-ms': '1000' })
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal((await sidecar.get('/healthz')).status, 200)
      const stopped = sidecar.stop()
      assert.equal(documentOf(await asked).rung, 'stand-in')
      assert.match(await stopped, /1 not counted/)
    } finally {
      redis.resume()
    }
  })

  test('a killed one leaves its socket; the next takes it over', async () => {
    const sidecar = await start(redis.url)
    sidecar.kill()
    const { socketPath } = sidecar
    assert.ok(existsSync(socketPath))
    const heir = await SidecarProcess.start({ redisUrl: redis.url, socketPath })
    assert.equal((await heir.get('/healthz')).status, 200)
    await heir.stop()
  })

  test('docs/sidecar.md: what it tells to send gets what it shows', async () => {
    const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
    const guide = readFileSync(join(root, 'docs/sidecar.md'), 'utf8')
    const [, map] = /weir serve --map (\S+)/.exec(guide)!
    const [, order] = /<<'END'\n(.*?)END/s.exec(guide)!
    const port = String(await freePort())
    const args = ['serve', '--map', join(root, map!), '--port', port]
    const engine = new EngineProcess(args, null, { KAFKA_BROKERS: undefined, REDIS_URL: undefined })
    while (!engine.stderr.includes('answering on')) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const target = { port: Number(port) }
    const ask = (body: string) => call(target, { body, headers: patient })
    const first = await ask(order!)
    assert.ok(guide.includes(`location: ${first.headers.location}\n`), first.headers.location)
    const [, shown] = /\n(\{"schema".*)…\n/.exec(guide)!
    assert.ok(first.body.startsWith(shown!), first.body)
    const found = await call(target, { method: 'GET', path: first.headers.location! })
    assert.equal(found.body, first.body)
    for (const amount of ['50.00', 'free']) {
      const { body } = await ask(order!.replace('49.90', amount))
      assert.ok(guide.includes(`\n${body}\n`), body)
    }
    assert.equal((await engine.kill('SIGTERM')).code, 0)
  })

  test('without Redis journals are in memory, and it says so; a mapping of CSV is refused', async () => {
    const sidecar = await start(undefined)
    assert.match(sidecar.stderr, /no redis.url is set: journals and answers are in memory/)
    assert.equal(documentOf(await sidecar.ask({ id: 'm' })).rung, 'full')
    await sidecar.stop()
    const file = join(mkdtempSync(join(tmpdir(), 'weir-serve-')), 'csv.yaml')
    const columns = ['id', 'time', 'amount', 'currency', 'card', 'merchant', 'ip']
    const mapping = { ...corpusMapping, format: 'csv', columns, fields: {}, location: undefined }
    writeFileSync(file, JSON.stringify(mapping))
    const refused = await new EngineProcess(['serve', '--map', file], null).ended
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /format: expected json, found csv/)
  })
})
