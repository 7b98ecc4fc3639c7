// What the containers are configured with, as the engine reads it, and what it makes of the sample's charge.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hashKeyOf, loadConfig } from '../engine/config.ts'
import { EngineProcess } from '../engine/testing/engine-process.ts'
import { weirOf } from './testing/container-world.ts'
import { parseObjects, podsOf, readRendering } from './testing/objects.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-k8s-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const objects = parseObjects(readRendering('dev'))
const [checkout, stream] = podsOf(objects)

for (const pod of [checkout, stream]) {
  test(`${pod!.name}: the engine takes the configuration without a fault or a warning`, () => {
    const { container, environment, file } = weirOf(pod!, objects, folder)
    const loaded = loadConfig({ file, environment, folder })
    assert.deepEqual(loaded.warnings, [])
    assert.deepEqual(loaded.config.kafka.brokers, ['kafka.default:9092'])
    assert.equal(loaded.config.redis.url, 'redis://redis.default:6379')
    assert.equal(hashKeyOf(loaded.config, false).isDevelopment, false)
    assert.equal(loaded.config.source, join(dirname(file), 'mapping.yaml'))
    // Probes come to the pod's address, at the container's only port.
    assert.equal(loaded.config.http.host, '0.0.0.0')
    assert.deepEqual(
      container.ports?.map(({ containerPort }) => containerPort),
      [loaded.config.http.port],
    )
  })
}

test('the sidecar and the stream share a Redis, a key and the topic from the one to the other', () => {
  const [one, other] = [checkout, stream].map((pod) => {
    const { environment, file } = weirOf(pod!, objects, folder)
    const { config } = loadConfig({ file, environment, folder })
    const { brokers, transactions } = config.kafka
    const { url, buckets } = config.redis
    return { brokers, transactions, url, buckets, hashKey: config.hashKey, source: config.source }
  })
  assert.deepEqual(one, other)
})

/** What Weir takes before it holds anything, and messages of a stream that wait (engine/stream/epoch.ts). */
const ownBytes = 160 * 2 ** 20
const fetchedBytes = 64 * 2 ** 20
/** Measured of a sidecar at both bounds: what the process takes for each byte of answers and backlog. */
const bytesPerByte = 2.5

for (const pod of [checkout, stream]) {
  test(`${pod!.name}: the memory that Weir requests has room for all that its settings let it hold`, () => {
    const { container, environment, file } = weirOf(pod!, objects, folder)
    const { http, redis } = loadConfig({ file, environment, folder }).config
    const isSidecar = container.args!.includes('serve')
    const bounded = bytesPerByte * (http.answerBytesMax + http.backlogBytesMax)
    const mostBytes = ownBytes + redis.heldBytesMax + (isSidecar ? bounded : fetchedBytes)
    const { requests, limits } = container.resources!
    assert.ok(bytesOf(requests!['memory']!) >= mostBytes, `${mostBytes} B`)
    assert.ok(bytesOf(limits!['memory']!) >= 1.25 * mostBytes, `${mostBytes} B`)
  })
}

function bytesOf(quantity: string | number): number {
  const [, count, unit] = /^(\d+)(Mi|Gi)$/.exec(String(quantity))!
  return Number(count) * (unit === 'Mi' ? 2 ** 20 : 2 ** 30)
}

test('the sample calls the socket on which the sidecar listens, and both have its folder mounted', () => {
  const [weir, sample] = checkout!.containers
  const { data } = objects.find((one) => one.metadata?.name?.startsWith('weir-config-')) as {
    readonly data: Readonly<Record<string, string>>
  }
  const socket = /socket: ([^ ]+) /.exec(data['sidecar.yaml']!)![1]!
  assert.equal(sample!.args?.[sample!.args.indexOf('--weir') + 1], socket)
  const volumes = [weir, sample].map(({ volumeMounts } = { name: '' }) => {
    return volumeMounts?.find(({ mountPath }) => mountPath === dirname(socket))?.name
  })
  assert.equal(volumes[0], volumes[1])
  const volume = checkout!.spec.volumes?.find(({ name }) => name === volumes[0])
  assert.ok(volume?.emptyDir, 'one folder of the pod')
})

test('the engine decides the sample charge with the mapping, the catalog and the model', async () => {
  const { environment, file } = weirOf(checkout!, objects, folder)
  const charge = fileURLToPath(import.meta.resolve('#root/k8s/sample-charge.json'))
  const line = JSON.stringify(JSON.parse(readFileSync(charge, 'utf8')))
  writeFileSync(join(folder, 'charges.jsonl'), `${line}\n`)
  const input = ['--input', join(folder, 'charges.jsonl'), '--decisions-out', '-']
  const engine = new EngineProcess(['replay', '--config', file, ...input], null, environment)
  const { code, stdout, stderr } = await engine.ended
  assert.equal(code, 0, stderr)
  const decision = JSON.parse(stdout) as { outcome: string; features: Record<string, unknown> }
  assert.equal(decision.outcome, 'approve')
  assert.equal(decision.features['amount'], 4990)
  assert.equal(decision.features['device_count_10m'], 1)
})
