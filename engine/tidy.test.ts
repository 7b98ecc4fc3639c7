// The house rules hold over the whole tree, and each rule can fail. The rules themselves are in engine/testing/.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packageHomes, topLevel } from './testing/layout.ts'
import { checkFile, fileLinesMax } from './testing/tidy.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))

/** Paths below a folder of the repository, with /. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .filter((path) => !path.includes('node_modules/'))
}

const sources = ['bench', 'engine', 'features', 'k8s', 'models']
  .filter((folder) => readdirSync(root).includes(folder))
  .flatMap(filesBelow)
  .filter((path) => /\.(ts|js|lua)$/.test(path))
  .sort()

test('every source file keeps the rules', () => {
  assert.ok(sources.includes('engine/tidy.test.ts'), `expected the source tree at ${root}`)
  const breaches = sources.flatMap((path) =>
    checkFile(path, readFileSync(join(root, path), 'utf8')),
  )
  const lines = breaches.map(({ path, line, message }) => `${path}:${line}: ${message}`)
  assert.equal(lines.length, 0, `\n${lines.join('\n')}\n`)
})

test('the top of the repository has exactly its entries', () => {
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean)
  const patterns = ignored.map((line) => {
    const name = line.replaceAll('/', '').replaceAll('.', '\\.').replaceAll('*', '.*')
    return new RegExp(`^${name}$`)
  })
  const strangers = readdirSync(root).filter(
    (name) =>
      name !== '.git' && !topLevel.includes(name) && !patterns.some((one) => one.test(name)),
  )
  assert.deepEqual(strangers, [], 'move them into one of the five folders or docs/')
})

test('every package that runs in production has a home, and every home is for such a package', () => {
  const text = readFileSync(join(root, 'package.json'), 'utf8')
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> }
  assert.deepEqual(Object.keys(packageHomes).sort(), Object.keys(dependencies).sort())
})

/** What each rule says of a text; `// x` stands for the head comment. */
function messagesOf(path: string, body: string): string[] {
  return checkFile(path, `// x\n${body}\n`).map(({ message }) => message)
}

/** Every rule with a text that breaks it and one that does not. */
const cases: readonly (readonly [string, string, string, RegExp | null])[] = [
  // Imports between folders.
  ['features import features', 'features/fold.ts', "import './record.ts'", null],
  [
    'features keep off the engine',
    'features/fold.ts',
    "import '../engine/clock.ts'",
    /features are pure/,
  ],
  [
    'features keep off their stores',
    'features/fold.ts',
    "import './store/memory.ts'",
    /features are pure/,
  ],
  [
    'features do no I/O',
    'features/fold.ts',
    "import { readFileSync } from 'node:fs'",
    /features are pure/,
  ],
  ['features may hash', 'features/hash.ts', "import { createHash } from 'node:crypto'", null],
  [
    'a store may read its script',
    'features/store/redis.ts',
    "import { readFileSync } from 'node:fs'",
    null,
  ],
  ['a store knows features', 'features/store/redis.ts', "import '../journal.ts'", null],
  [
    'a store keeps off models',
    'features/store/redis.ts',
    "import '../../models/model.ts'",
    /hand it/,
  ],
  [
    'models know features',
    'models/onnx.ts',
    "import type { Feature } from '../features/catalog.ts'",
    null,
  ],
  [
    'models keep off stores',
    'models/onnx.ts',
    "import '../features/store/memory.ts'",
    /models must not/,
  ],
  [
    'training may use a store',
    'models/train/fit.ts',
    "import '../../features/store/memory.ts'",
    null,
  ],
  [
    'models keep off the engine',
    'models/onnx.ts',
    "import '../engine/errors.ts'",
    /models must not/,
  ],
  [
    'core knows ports',
    'engine/core/pipeline.ts',
    "import type { Store } from '../../features/store/store.ts'",
    null,
  ],
  [
    'core keeps off adapters',
    'engine/core/pipeline.ts',
    "import '../../features/store/memory.ts'",
    /core knows ports only/,
  ],
  [
    'core keeps off ONNX',
    'engine/core/pipeline.ts',
    "import '../../models/onnx.ts'",
    /core knows ports only/,
  ],
  [
    'core does no I/O',
    'engine/core/pipeline.ts',
    "import net from 'node:net'",
    /core knows ports only/,
  ],
  [
    'core keeps off configuration',
    'engine/core/pipeline.ts',
    "import '../config.ts'",
    /core knows ports only/,
  ],
  [
    'drivers know core',
    'engine/stream/sink.ts',
    "import type { Outcome } from '../core/ports.ts'",
    null,
  ],
  [
    'drivers keep off each other',
    'engine/stream/sink.ts',
    "import '../replay/replay.ts'",
    /never each other/,
  ],
  [
    'drivers are handed a store',
    'engine/replay/replay.ts',
    "import '../../features/store/memory.ts'",
    /never each other/,
  ],
  [
    'commands put everything together',
    'engine/commands/stream.ts',
    "import '../../models/onnx.ts'",
    null,
  ],
  [
    'nothing imports main',
    'engine/commands/stream.ts',
    "import '../main.ts'",
    /nothing imports main/,
  ],
  [
    'nothing imports bench',
    'engine/commands/stream.ts',
    "import '../../bench/harness.ts'",
    /nothing imports main or bench/,
  ],
  ['bench keeps off main', 'bench/harness.ts', "import '../engine/main.ts'", /assemble/],
  ['bench uses anything else', 'bench/harness.ts', "import '../features/store/redis.ts'", null],
  [
    'tests keep off bench',
    'engine/cli.test.ts',
    "import '../bench/harness.ts'",
    /move what the test needs out of bench/,
  ],
  ["bench's own tests do not", 'bench/harness.test.ts', "import './harness.ts'", null],
  [
    "bench's own tests keep off main",
    'bench/harness.test.ts',
    "import '../engine/main.ts'",
    /process of its own/,
  ],
  [
    'files beside main keep off drivers',
    'engine/errors.ts',
    "import './stream/sink.ts'",
    /beside main/,
  ],
  [
    'sources keep off testing',
    'engine/commands/stream.ts',
    "import '../testing/services.ts'",
    /nothing but tests/,
  ],
  [
    'sources keep off contracts',
    'features/store/memory.ts',
    "import './store.contract.ts'",
    /nothing but tests/,
  ],
  ['tests may import adapters', 'features/fold.test.ts', "import './store/memory.ts'", null],
  [
    'tests keep off main',
    'engine/replay/replay.test.ts',
    "import '../main.ts'",
    /process of its own/,
  ],
  [
    'dynamic imports count',
    'features/fold.ts',
    "await import('../engine/clock.ts')",
    /features are pure/,
  ],
  [
    'types count',
    'features/fold.ts',
    "type A = import('../engine/clock.ts').A",
    /features are pure/,
  ],
  [
    're-exports count',
    'features/fold.ts',
    "export * from '../engine/clock.ts'",
    /features are pure/,
  ],
  ['every file has a folder', 'other/fold.ts', '', /lies in no folder/],
  // One home for each package and each built-in.
  [
    'ioredis at home',
    'features/store/redis-connection.ts',
    "import { Redis } from 'ioredis'",
    null,
  ],
  [
    'ioredis abroad',
    'engine/stream/kafka.ts',
    "import { Redis } from 'ioredis'",
    /only features\/store\/redis-connection.ts/,
  ],
  [
    'kafkajs abroad',
    'engine/stream/sink.ts',
    "import { Kafka } from 'kafkajs'",
    /only engine\/stream\/kafka.ts/,
  ],
  [
    'ONNX Runtime abroad',
    'models/gate.ts',
    "import ort from 'onnxruntime-node'",
    /only models\/onnx.ts/,
  ],
  ['yaml abroad', 'engine/config.ts', "import 'yaml'", /only engine\/document.ts/],
  [
    'pino abroad',
    'engine/config.ts',
    "import { pino } from 'pino'",
    /only engine\/telemetry\/log.ts/,
  ],
  [
    'unknown packages',
    'engine/config.ts',
    "import x from '@scope/thing/deep'",
    /@scope\/thing, which has no home/,
  ],
  ['packages in tests', 'engine/config.test.ts', "import fc from 'fast-check'", null],
  ['built-ins say so', 'engine/config.ts', "import fs from 'fs'", /write node:fs/],
  // Environment, clock, randomness, keys.
  ['the environment at home', 'engine/config.ts', 'process.env', null],
  ['the environment abroad', 'engine/cli.ts', "process.env['A']", /engine\/config.ts/],
  ['the environment in brackets', 'engine/cli.ts', "process['env']", /engine\/config.ts/],
  [
    'the environment imported',
    'engine/cli.ts',
    "import { env } from 'node:process'",
    /engine\/config.ts/,
  ],
  ['the environment in tests', 'engine/cli.test.ts', 'process.env', /engine\/config.ts/],
  ['the environment in testing', 'engine/testing/run.ts', 'process.env', null],
  ['the clock at home', 'engine/clock.ts', 'Date.now()', null],
  ['the clock abroad', 'engine/core/pipeline.ts', 'Date.now()', /take a Clock/],
  [
    'the clock by reference',
    'engine/core/pipeline.ts',
    'const f = performance.now',
    /take a Clock/,
  ],
  ['the monotonic clock', 'engine/core/pipeline.ts', 'process.hrtime.bigint()', /take a Clock/],
  ['a date of now', 'features/time.ts', 'new Date()', /take a Clock/],
  ['a date of now, called', 'features/time.ts', 'Date()', /take a Clock/],
  ['a date of then', 'features/time.ts', 'new Date(0)', null],
  ['the clock in tests', 'features/time.test.ts', 'Date.now()', null],
  ['the clock in bench', 'bench/harness.ts', 'performance.now()', null],
  ['Math.random', 'features/generator/random.ts', 'Math.random()', /seeded generator/],
  ['Math.random in tests', 'features/fold.test.ts', 'Math.random()', /seeded generator/],
  [
    'random bytes at home',
    'features/store/observer.ts',
    "import { randomBytes } from 'node:crypto'",
    null,
  ],
  [
    'random bytes abroad',
    'features/hash.ts',
    "import { randomBytes } from 'node:crypto'",
    /no seed repeats/,
  ],
  ['random ids abroad', 'features/hash.ts', 'crypto.randomUUID()', /no seed repeats/],
  ['keys at home', 'features/store/keys.ts', 'const key = `w:${1}`', null],
  ['keys abroad', 'features/store/redis.ts', 'const key = `w:${1}`', /keys.ts/],
  ['keys as text', 'features/store/redis.ts', "const key = 'w:a'", /keys.ts/],
  // Words.
  ['event as a name', 'features/fold.ts', 'const lastEvent = 1', /use transaction/],
  [
    'payments as a parameter',
    'features/fold.ts',
    'function f(payments: number) {}',
    /use transaction/,
  ],
  ['payment as a type', 'features/fold.ts', 'interface PaymentRow {}', /use transaction/],
  ['event as a private field', 'features/fold.ts', 'class A { #event = 1 }', /use transaction/],
  ['EVENT in capitals', 'features/fold.ts', 'const EVENT_MAX = 1', /use transaction/],
  ['event time is a term', 'features/fold.ts', 'const eventTimeMs = 1', null],
  ['prevented is another word', 'features/fold.ts', 'const prevented = 1', null],
  [
    "names of others are others'",
    'features/fold.ts',
    'a.on(b.events.CRASH); new EventEmitter()',
    null,
  ],
]

for (const [title, path, body, expected] of cases) {
  test(`tidy: ${title}${expected === null ? ' is fine' : ' is a breach'}`, () => {
    const messages = messagesOf(path, body)
    if (expected === null) assert.deepEqual(messages, [])
    else assert.match(messages.join('\n'), expected)
  })
}

test('tidy: names that say nothing, and names that are not kebab-case, are breaches', () => {
  for (const name of ['utils', 'string-utils', 'helpers', 'common', 'manager', 'service', 'impl']) {
    assert.match(messagesOf(`features/${name}.ts`, '').join(), /says nothing/, name)
    assert.match(messagesOf(`features/${name}/fold.ts`, '').join(), /says nothing/, name)
  }
  assert.match(messagesOf('engine/stream/services.ts', '').join(), /says nothing/)
  assert.deepEqual(messagesOf('engine/testing/services.ts', ''), [])
  assert.match(messagesOf('features/featureRow.ts', '').join(), /kebab-case/)
  assert.match(messagesOf('features/Fold.ts', '').join(), /kebab-case/)
  assert.match(messagesOf('features/payment.ts', '').join(), /use transaction/)
  assert.deepEqual(messagesOf('features/feature-row.integration.test.ts', ''), [])
})

test('tidy: a file opens with a comment and ends before its limit', () => {
  const messages = (text: string, path = 'features/fold.ts') =>
    checkFile(path, text)
      .map(({ message }) => message)
      .join()
  assert.match(messages('const a = 1\n'), /opens without a comment/)
  assert.equal(messages('#!/usr/bin/env node\n// x\n', 'engine/cli.ts'), '')
  assert.equal(messages('-- x\n', 'features/store/observe.lua'), '')
  assert.match(messages('local a = 1\n', 'features/store/observe.lua'), /opens without a comment/)
  assert.equal(messages(`// x\n${'\n'.repeat(fileLinesMax - 1)}`), '')
  assert.match(messages(`// x\n${'\n'.repeat(fileLinesMax)}`), /401 lines, at most 400/)
})
