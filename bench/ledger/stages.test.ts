// Stacks as V8 gives them, and the stage that each belongs to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stageOf } from './stages.ts'

/** A stack as `function file`, outermost first. */
function stage(...frames: readonly string[]): string | null {
  return stageOf(
    frames.map((frame) => {
      const [functionName = '', file = ''] = frame.startsWith('(') ? [frame] : frame.split(' ')
      return { functionName, url: file === '' ? '' : `file:///somewhere/${file}` }
    }),
  )
}

const pipeline = 'dist/engine/core/pipeline.js'

test('what a stage calls is its own', () => {
  assert.equal(
    stage(`process ${pipeline}`, `#parse ${pipeline}`, 'scan dist/features/json.js'),
    'parse',
  )
  assert.equal(
    stage(`#know ${pipeline}`, `#fold ${pipeline}`, 'view dist/features/store/journals.js'),
    'fold',
  )
  assert.equal(
    stage(`process ${pipeline}`, `#encode ${pipeline}`, 'hash dist/features/hash.js'),
    'encode',
  )
})

test('deciding and writing are told apart', () => {
  const decide = [`process ${pipeline}`, `#decide ${pipeline}`]
  assert.equal(stage(...decide, '#decision dist/engine/core/outcomes.js'), 'decide')
  assert.equal(
    stage(...decide, 'of dist/engine/core/outcomes.js', 'decision dist/engine/core/decision.js'),
    'serialise',
  )
})

test('a reply of Redis is observing, wherever it comes in', () => {
  assert.equal(
    stage('onread node:internal', 'execute node_modules/ioredis/built/DataHandler.js'),
    'observe',
  )
})

test('the Kafka client is consuming, publishing, or both', () => {
  assert.equal(
    stage(
      'send node_modules/kafkajs/src/producer/index.js',
      'writeVarInt node_modules/kafkajs/src/protocol/encoder.js',
    ),
    'publish',
  )
  assert.equal(
    stage(
      'fetch node_modules/kafkajs/src/consumer/runner.js',
      'x node_modules/kafkajs/src/protocol/decoder.js',
    ),
    'consume',
  )
  assert.equal(stage('processData node_modules/kafkajs/src/network/connection.js'), 'kafka')
})

test('what belongs to nobody is named as such, and idling is nothing', () => {
  assert.equal(stage('(root)', '(garbage collector)'), 'gc')
  assert.equal(stage('(root)', '(program)'), 'loop')
  assert.equal(stage('(root)', 'listOnTimeout node:internal/timers'), 'other')
  assert.equal(stage('(root)', '(idle)'), null)
})
