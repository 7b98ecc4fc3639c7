// docs/openapi.yaml against the table of routes: the same paths, methods and statuses, and schemas that exist.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readDocument } from '../document.ts'
import { deadlineHeader, deadlineMsMax } from './headers.ts'
import { routes } from './routes.ts'
import { openApi } from './testing/http-client.ts'

const file = fileURLToPath(import.meta.resolve('#root/docs/openapi.yaml'))

test('every route stands in docs/openapi.yaml with its statuses, and nothing else does', () => {
  const told = Object.entries(openApi.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { responses }]) => {
      return `${method.toUpperCase()} ${path} ${Object.keys(responses).join(' ')}`
    }),
  )
  const built = routes.map(
    ({ method, path, statuses }) => `${method} ${path} ${statuses.join(' ')}`,
  )
  assert.deepEqual(told, built)
})

test('the version is that of the package', () => {
  const manifest = fileURLToPath(import.meta.resolve('#root/package.json'))
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  assert.equal((readDocument(file).value as { info: { version: string } }).info.version, version)
})

test('every reference leads somewhere', () => {
  const { value } = readDocument(file)
  const references = [...readFileSync(file, 'utf8').matchAll(/\$ref: '?([^'\s}]+)/g)]
  assert.ok(references.length > 20)
  for (const [, reference] of references) {
    if (reference === 'decision.schema.json') continue
    let node: unknown = value
    for (const name of reference!.replace('#/', '').split('/')) {
      node = (node as Readonly<Record<string, unknown>> | undefined)?.[name]
    }
    assert.ok(node, reference)
  }
})

test('the header of the deadline and its bounds are the ones that are checked', () => {
  const { components } = readDocument(file).value as {
    components: { parameters: { deadline: { name: string; schema: object } } }
  }
  const { name, schema } = components.parameters.deadline
  assert.equal(name, deadlineHeader)
  assert.deepEqual({ ...schema }, { type: 'integer', minimum: 1, maximum: deadlineMsMax })
})
