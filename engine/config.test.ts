// Claims about configuration: where a value comes from, that all faults come together, and that no secret is shown.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DocumentError, formatFault } from '../features/document.ts'
import { type ConfigSources, hashKeyOf, loadConfig, maskedConfig, printConfig } from './config.ts'
import { EngineError } from './errors.ts'
import { placedSettings } from './setting-tree.ts'
import { settings } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-config-'))
after(() => {
  rmSync(folder, { recursive: true })
})
mkdirSync(join(folder, 'model'))
for (const name of ['map.yaml', 'other.yaml', 'empty.yaml']) writeFileSync(join(folder, name), '')

let files = 0

/** Loads a text as a file of the folder, with no environment but what is given. */
function load(text: string, sources: ConfigSources = {}) {
  const file = join(folder, `weir-${files++}.yaml`)
  writeFileSync(file, text)
  return loadConfig({ file, environment: {}, folder: '/', ...sources })
}

function faultsOf(text: string, sources: ConfigSources = {}): string[] {
  try {
    load(text, sources)
  } catch (error) {
    assert.ok(error instanceof DocumentError, String(error))
    return error.faults.map((fault) => formatFault(fault).replace(/^.*weir-\d+\.yaml/, 'weir.yaml'))
  }
  return []
}

test('without a file every default holds, and every default is within its own range', () => {
  const { config, file, origins } = loadConfig({ environment: {}, folder })
  assert.equal(file, null)
  assert.equal(origins.size, 0)
  assert.deepEqual(config.kafka.brokers, [])
  assert.equal(config.redis.url, 'redis://127.0.0.1:6379')
  assert.equal(config.budget.batchMax, 64)
  assert.equal(config.redis.heldBytesMax, 256 * 1024 * 1024)
  for (const { setting, names } of placedSettings(settings)) {
    if (setting.initial === null) continue
    const reading = setting.read(setting.write(setting.initial), '/')
    assert.deepEqual(reading, { ok: true, value: setting.initial }, names.join('.'))
  }
})

test('the file sets a value, the environment overrides it, an option overrides both', () => {
  const text = 'redis:\n  url: redis://file:1\n'
  assert.equal(load(text).config.redis.url, 'redis://file:1')
  const environment = { REDIS_URL: 'redis://environment:2' }
  assert.equal(load(text, { environment }).config.redis.url, 'redis://environment:2')
  const options = { 'redis.url': { option: '--redis', value: 'redis://option:3' } }
  const { config, origins } = load(text, { environment, options })
  assert.equal(config.redis.url, 'redis://option:3')
  assert.equal(origins.get('redis.url'), 'option --redis')
})

test('an empty variable, an empty section and an empty value leave the default', () => {
  const { config } = load('redis:\nkafka:\n  group:\n', { environment: { REDIS_URL: '' } })
  assert.equal(config.redis.url, 'redis://127.0.0.1:6379')
  assert.equal(config.kafka.group, 'weir')
})

test('text of the environment becomes the type of the setting', () => {
  const environment = {
    KAFKA_BROKERS: 'a:9092, [::1]:9093',
    WEIR_REDIS_BUCKETS: '256',
    WEIR_REDIS_HELD_BYTES_MAX: '2GiB',
    WEIR_KAFKA_COMMIT_INTERVAL: '250ms',
    WEIR_KAFKA_SSL_ENABLED: 'true',
  }
  const { kafka, redis } = load('', { environment }).config
  assert.deepEqual(kafka.brokers, ['a:9092', '[::1]:9093'])
  assert.equal(redis.buckets, 256)
  assert.equal(redis.heldBytesMax, 2 ** 31)
  assert.equal(kafka.commitIntervalMs, 250)
  assert.equal(kafka.ssl.enabled, true)
})

test('relative paths are of the folder of the file, and of the working folder elsewhere', () => {
  const { config } = load('source: map.yaml\nmodels: model\n', {
    folder,
    environment: { WEIR_CATALOG: 'other.yaml' },
  })
  assert.equal(config.source, join(folder, 'map.yaml'))
  assert.deepEqual(config.models, [{ folder: join(folder, 'model'), share: 0 }])
  assert.deepEqual(config.catalog, [join(folder, 'other.yaml')])
})

test('all faults come together, each with its line or its variable, expected and found', () => {
  const text = [
    'source: missing.yaml', // 1
    'kafka:', // 2
    '  broker: a:9092', // 3
    '  commit_interval: 1 second', // 4
    '  group: "with space"', // 5
    'redis:', // 6
    '  buckets: 0', // 7
    '  command_timeout: 5d', // 8
    'log: { level: eror }', // 9
    'held_bytes_max: 1MiB', // 10
    'http: 8080', // 11
  ].join('\n')
  const faults = faultsOf(text, { environment: { WEIR_BUDGET_BATCH_MAX: '1000' } })
  assert.deepEqual(faults, [
    `weir.yaml:1: source: expected a file that exists, found ${join(folder, 'missing.yaml')}`,
    'weir.yaml:3: kafka.broker: expected one of brokers, transactions, decisions, dead_letters, labels, group, client_id, ' +
      'commit_interval, send_batch_max, fetch_bytes_max, fetch_wait, order_wait, outbox_max, request_timeout, session_timeout, ' +
      'ssl, sasl, found broker (did you mean brokers?)',
    'weir.yaml:4: kafka.commit_interval: expected a duration within 50ms…1m, found "1 second"',
    'weir.yaml:5: kafka.group: expected 1 to 249 of letters, digits, dot, dash and underscore, found "with space"',
    'weir.yaml:7: redis.buckets: expected a whole number of buckets from 1 to 4096, found 0',
    'weir.yaml:8: redis.command_timeout: expected a duration within 5ms…1m, found "5d"',
    'weir.yaml:9: log.level: expected one of debug, info, warn, error, silent, found "eror" (did you mean error?)',
    'weir.yaml:10: held_bytes_max: expected one of source, catalog, models, models_folder, rollout_by, policy, scoring, ' +
      'decisions, hash_key, hash_key_file, kafka, redis, budget, admin, http, log, found held_bytes_max (did you mean redis.held_bytes_max?)',
    'weir.yaml:11: http: expected a section with host, port, socket, stand_in, waiting_max, horizon, answer_bytes_max, backlog_bytes_max, request_timeout, found 8080',
    'environment variable WEIR_BUDGET_BATCH_MAX: budget.batch_max: expected a whole number of transactions from 1 to 256, found "1000"',
  ])
})

test('settings that do not go together are faults', () => {
  assert.match(
    faultsOf('kafka: { transactions: t, decisions: t }\n')[0]!,
    /^weir.yaml:1: kafka.decisions: expected three different topics, found t, t, dead-letters/,
  )
  assert.match(
    faultsOf('kafka: { sasl: { mechanism: plain, username: weir } }\n')[0]!,
    /kafka.sasl.mechanism: expected username and password with it/,
  )
  assert.match(
    faultsOf('kafka: { ssl: { key: map.yaml } }\n')[0]!,
    /kafka.ssl.certificate: expected certificate and key together/,
  )
})

test('a URL of Redis is redis, rediss or a socket, and carries no options', () => {
  for (const url of [
    'redis://h',
    'rediss://u:p@h:6380/3',
    '/run/redis.sock',
    'redis://[::1]:6379',
    'redis://u:p,w@a:7000,redis://u:p,w@b:7001',
  ]) {
    assert.deepEqual(faultsOf(`redis: { url: "${url}" }\n`), [], url)
  }
  for (const url of [
    'http://h',
    'h:6379',
    'redis://',
    'redis://h?enableOfflineQueue=1',
    'redis://h/x',
    'redis://a:7000,b:7001',
    'redis://a:7000,http://b:7001',
    '//h',
  ]) {
    assert.equal(faultsOf(`redis: { url: "${url}" }\n`).length, 1, url)
  }
})

test('no secret is shown, neither printed nor logged nor in a fault', () => {
  const text = [
    'hash_key: 000102030405060708090a0b0c0d0e0f',
    'redis: { url: "redis://user:p@ss:word@host:6379" }',
    'kafka: { sasl: { mechanism: plain, username: weir, password: hunter2 } }',
  ].join('\n')
  const printed = printConfig(load(text))
  assert.doesNotMatch(printed, /0a0b0c|ss:word|hunter2/)
  assert.match(printed, /url: "redis:\/\/user:\*\*\*@host:6379" # .*:2/)
  assert.match(printed, /password: "\*\*\*"/)
  const logged = JSON.stringify(maskedConfig(load(text)))
  assert.doesNotMatch(logged, /0a0b0c|ss:word|hunter2/)
  assert.match(logged, /"url":"redis:\/\/user:\*\*\*@host:6379"/)
  const faults = [
    ...faultsOf('hash_key: secretsecret\n'),
    ...faultsOf('redis: { url: "http://user:hunter2@host" }\n'),
    ...faultsOf('redis: { url: "user:hunter2@host" }\n'),
    ...faultsOf('', { environment: { WEIR_HASH_KEY: 'secretsecret' } }),
  ]
  assert.equal(faults.length, 4)
  for (const fault of faults) assert.doesNotMatch(fault, /secretsecret|hunter2/)
})

test('what is printed loads again to the same configuration', () => {
  const loaded = load('redis: { ttl: 90d }\n')
  const printed = printConfig(loaded)
  assert.match(printed, /ttl: "90d" # .*:1\n/)
  assert.deepEqual(load(printed).config, loaded.config)
})

test('the result cannot be changed', () => {
  const { config } = load('kafka: { brokers: ["a:1"] }\n')
  assert.throws(() => {
    ;(config.kafka.brokers as string[]).push('b:2')
  }, TypeError)
  assert.throws(() => {
    ;(config.redis as { buckets: number }).buckets = 2
  }, TypeError)
})

test('a hash key of sixteen bytes is used as it is, a longer one by its digest', () => {
  const short = load('', { environment: { WEIR_HASH_KEY: '000102030405060708090A0B0C0D0E0F' } })
  const { bytes, isDevelopment } = hashKeyOf(short.config, false)
  assert.deepEqual(
    [...bytes],
    Array.from({ length: 16 }, (_, index) => index),
  )
  assert.equal(isDevelopment, false)
  const long = load('', { environment: { WEIR_HASH_KEY: 'ab'.repeat(32) } })
  assert.equal(hashKeyOf(long.config, false).bytes.length, 16)
  assert.equal(faultsOf('', { environment: { WEIR_HASH_KEY: 'ab'.repeat(15) } }).length, 1)
  assert.equal(faultsOf('', { environment: { WEIR_HASH_KEY: `${'ab'.repeat(16)}a` } }).length, 1)
})

test('a hash key can come from a file, and a bad one is refused without being shown', () => {
  writeFileSync(join(folder, 'key'), `${'cd'.repeat(16)}\n`)
  assert.equal(hashKeyOf(load('hash_key_file: key\n').config, false).bytes[0], 0xcd)
  writeFileSync(join(folder, 'bad-key'), 'not hex at all')
  assert.throws(
    () => hashKeyOf(load('hash_key_file: bad-key\n').config, true),
    (error) =>
      error instanceof EngineError &&
      error.code === 'hash_key_missing' &&
      !error.message.includes('not hex'),
  )
})

test('the development key is only given where it is allowed', () => {
  const { config } = load('')
  assert.equal(hashKeyOf(config, true).isDevelopment, true)
  assert.equal(hashKeyOf(config, true).bytes.length, 16)
  assert.throws(
    () => hashKeyOf(config, false),
    (error) => error instanceof EngineError && error.code === 'hash_key_missing',
  )
})

test('a variable that is nearly ours is a warning; those that Kubernetes sets are not', () => {
  const environment = {
    WEIR_REDIS_BUCKET: '2',
    WEIR_SERVICE_HOST: '10.0.0.1',
    WEIR_PORT: 'tcp://10.0.0.1:80',
    WEIR_PORT_80_TCP_PROTO: 'tcp',
    WEIR_HTTP_PORT: 'tcp://10.0.0.1:80',
  }
  assert.deepEqual(load('', { environment }).warnings, [
    'environment variable WEIR_REDIS_BUCKET is no setting; did you mean WEIR_REDIS_BUCKETS?',
  ])
})

test('weir.yaml of the working folder is used, and a file that was asked for must exist', () => {
  const own = mkdtempSync(join(folder, 'own-'))
  writeFileSync(join(own, 'weir.yaml'), 'redis: { buckets: 8 }\n')
  assert.equal(loadConfig({ environment: {}, folder: own }).config.redis.buckets, 8)
  const missing = join(folder, 'nowhere.yaml')
  assert.throws(
    () => loadConfig({ environment: { WEIR_CONFIG: missing }, folder: own }),
    (error) => error instanceof EngineError && error.code === 'file_unreadable',
  )
})

test('environment names are unique and none is one that Kubernetes would set for a Service', () => {
  const names = placedSettings(settings).map(({ environment }) => environment)
  assert.equal(new Set(names).size, names.length)
  for (const name of names)
    assert.doesNotMatch(name, /^WEIR_\w+_(SERVICE_HOST|SERVICE_PORT|PORT_\d)/)
})
