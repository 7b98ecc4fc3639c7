// The list of known operators: each is one that the runtime has, and none draws, waits or reads.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InferenceSession } from 'onnxruntime-node'
import { modelFile, node, value } from '../testing/model-files.ts'
import { knownOperators, operatorHint } from './operators.ts'

/** What the runtime says of a model of one node that lacks all it needs. */
async function complaintOf(operator: string): Promise<string> {
  const cut = operator.lastIndexOf('.')
  const domain = operator.slice(0, Math.max(0, cut))
  const graph = {
    input: [value('x', ['N', 3])],
    output: [value('y', ['N', 1])],
    node: [node(operator.slice(cut + 1), ['x'], ['y'], [], domain)],
  }
  const opsetImport = [
    { domain: '', version: 26 },
    { domain: 'ai.onnx.ml', version: 5 },
  ]
  try {
    const bytes = modelFile(graph, { opsetImport, irVersion: 12 })
    const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 })
    await session.release()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('every known operator is one of the runtime', async () => {
  const strangers = []
  for (const operator of knownOperators) {
    if (/No Op registered/.test(await complaintOf(operator))) strangers.push(operator)
  }
  assert.deepEqual(strangers, [])
  assert.match(await complaintOf('Sigmiod'), /No Op registered/)
})

test('nothing that draws, loops without bound or needs more than numbers is known', () => {
  for (const operator of [
    ...['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform'],
    ...['RandomUniformLike', 'Loop', 'StringNormalizer', 'SequenceConstruct', 'Optional'],
    ...['ImageDecoder', 'ai.onnx.ml.ZipMap', 'ai.onnx.ml.DictVectorizer', 'com.microsoft.Gelu'],
  ]) {
    assert.ok(!knownOperators.has(operator), operator)
    assert.notEqual(operatorHint(operator), '')
  }
})
