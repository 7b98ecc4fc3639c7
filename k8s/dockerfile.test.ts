// The Dockerfile against what stands beside it: the Node that we ask for, the context, the pods that run the image. That
// its steps work is for image.integration.test.ts to show.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDockerfile } from './testing/dockerfile.ts'
import { parseObjects, podsOf, readRendering } from './testing/objects.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const steps = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'))

test('every stage has the Node of .nvmrc', () => {
  const major = readFileSync(join(root, '.nvmrc'), 'utf8').trim()
  const images = steps.flatMap((step) => (step.keyword === 'FROM' ? [step.image] : []))
  assert.deepEqual([...new Set(images)], [`node:${major}-bookworm-slim`])
})

test('what is copied is there, and the context has it', () => {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')
  const sources = steps.flatMap((step) => {
    return step.keyword === 'COPY' && step.from === null ? step.sources : []
  })
  assert.ok(sources.length > 5)
  assert.deepEqual(
    sources.filter((source) => !existsSync(join(root, source)) || ignored.includes(source)),
    [],
  )
})

test('the image runs as the user of the pods, and only as that', () => {
  const users = steps.flatMap((step) => (step.keyword === 'USER' ? [step.text] : []))
  for (const { name, spec } of podsOf(parseObjects(readRendering('base')))) {
    const { runAsUser, runAsGroup } = spec.securityContext!
    assert.deepEqual(users, [`${runAsUser}:${runAsGroup}`], name)
  }
})

for (const line of [
  'HEALTHCHECK NONE',
  'ADD a b',
  'COPY *.json /',
  'RUN ["a"]',
  'ENV A B',
  'CMD a',
]) {
  test(`dockerfile: ${line} is not read past`, () => {
    assert.throws(() => parseDockerfile(`FROM a\n${line}\n`), new RegExp(`found ${line[0]!}`))
  })
}

test('dockerfile: comments go, lines that go on are one', () => {
  const text = '# a\nFROM a AS b\nRUN c \\\n  && d\n'
  assert.deepEqual(parseDockerfile(text), [
    { keyword: 'FROM', image: 'a', stage: 'b' },
    { keyword: 'RUN', text: 'c    && d' },
  ])
})
