// Claims about reading documents: lines are exact, faults come together, nothing a document says is dangerous or dear.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { DocumentError, DocumentReader } from '../features/document.ts'
import { documentBytesMax, parseDocument, readDocument } from './document.ts'
import { EngineError } from './errors.ts'

/** The faults of a text, as `line: path: expected`. */
function faultsOf(text: string | Uint8Array): string[] {
  try {
    parseDocument('x.yaml', text)
  } catch (error) {
    assert.ok(error instanceof DocumentError, String(error))
    return error.faults.map(({ line, path, expected }) => `${line}: ${path}: ${expected}`)
  }
  return []
}

/** Objects of a document have no prototype; asserts on plain ones are easier to read. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

test('YAML and JSON of the same content give the same value', () => {
  const yaml = parseDocument(
    'x.yaml',
    'format: csv\nids: [a, 2, "3"]\nnested:\n  on: true\n  none:\n',
  )
  const json = parseDocument(
    'x.json',
    '{\n\t"format": "csv",\n\t"ids": ["a", 2, "3"],\n\t"nested": {"on": true, "none": null}\n}\n',
  )
  const expected = { format: 'csv', ids: ['a', 2, '3'], nested: { on: true, none: null } }
  assert.deepEqual(plain(yaml.value), expected)
  assert.deepEqual(plain(json.value), expected)
})

test('a line is that of the key or item, and of the nearest parent where the path ends early', () => {
  const text = [
    '# a comment', // 1
    'format: csv', // 2
    '', // 3
    'entities:', // 4
    '  card:', // 5
    '    CARD_ID', // 6
    'features:', // 7
    '  - { name: a, window: 1d }', // 8
    '  -', // 9
    '    name: b', // 10
  ].join('\r\n')
  const document = parseDocument('x.yaml', text)
  assert.equal(document.lineOf([]), 1)
  assert.equal(document.lineOf(['format']), 2)
  assert.equal(document.lineOf(['entities', 'card']), 5)
  assert.equal(document.lineOf(['features', 0, 'window']), 8)
  assert.equal(document.lineOf(['features', 1, 'name']), 10)
  assert.equal(document.lineOf(['features', 1, 'window']), 10, 'absent: its item')
  assert.equal(document.lineOf(['entities', 'card', 'deeper', 3]), 5)
  assert.equal(document.lineOf(['unknown']), 1)
  assert.equal(document.lineOf(['features', 7]), 7)
})

test('the same lines hold for JSON', () => {
  const document = parseDocument('x.json', '{\n  "a": 1,\n  "b": [\n    1,\n    {"c": 2}\n  ]\n}')
  assert.equal(document.lineOf(['b', 1, 'c']), 5)
  assert.equal(document.lineOf(['b', 0]), 4)
})

test('duplicate keys are faults, all of them, in the line of the second', () => {
  assert.deepEqual(faultsOf('a: 1\nb: {c: 1, c: 2}\na: 3\n'), [
    '2: b.c: each key once',
    '3: a: each key once',
  ])
})

test('broken syntax is a fault with its line', () => {
  assert.match(faultsOf('a: 1\nb: [1, 2\n')[0]!, /^[23]: \(document\): valid YAML or JSON$/)
  assert.match(faultsOf('a: "open\n')[0]!, /valid YAML or JSON/)
  assert.match(faultsOf('{"a": 1,}}')[0]!, /valid YAML or JSON/)
  assert.deepEqual(faultsOf('a: 1\n---\nb: 2\n'), ['2: (document): one document'])
  assert.match(faultsOf('a: !!js/function "x"\n')[0]!, /valid YAML or JSON/, 'foreign tags')
  assert.match(faultsOf('a: !thing 1\n')[0]!, /valid YAML or JSON/)
  assert.match(faultsOf('? [a, b]\n: 1\n')[0]!, /valid YAML or JSON/, 'a list as key')
})

test('text that is not UTF-8 is a fault in its line; a byte order mark is none', () => {
  assert.deepEqual(faultsOf(Buffer.from([0x61, 0x3a, 0x0a, 0x0a, 0xff, 0x0a])), [
    '3: (document): UTF-8 text',
  ])
  assert.deepEqual(faultsOf(Buffer.from('\ufeffa: 1\n')), [])
})

test('__proto__ is refused, and constructor or toString are only ever the own keys of a document', () => {
  assert.deepEqual(faultsOf('a:\n  __proto__: {polluted: true}\n'), [
    '2: a.__proto__: another name than __proto__',
  ])
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  const object = parseDocument('x.yaml', 'a: 1\n').value as Record<string, unknown>
  assert.equal('constructor' in object || 'toString' in object, false)
  const own = parseDocument('x.yaml', 'constructor: 1\n').value as Record<string, unknown>
  assert.equal(own['constructor'], 1)
})

test('an alias is its anchor, with the lines of the anchor', () => {
  const document = parseDocument('x.yaml', 'a: &w\n  window: 1d\nb: *w\n')
  assert.deepEqual(plain(document.value), { a: { window: '1d' }, b: { window: '1d' } })
  assert.equal(document.lineOf(['b']), 3)
  assert.equal(document.lineOf(['b', 'window']), 2)
})

test('aliases that multiply, or contain themselves, are faults and cost nothing', () => {
  let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n'
  for (let i = 1; i < 12; i++) {
    const aliases = new Array<string>(10).fill(`*a${i - 1}`).join(', ')
    text += `a${i}: &a${i} [${aliases}]\n`
  }
  assert.match(faultsOf(text)[0]!, /values, aliases counted/)
  assert.match(faultsOf('a: &a [1, *a]\n')[0]!, /an alias of an anchor that ends before it/)
  assert.notEqual(faultsOf('a: *unknown\n').length, 0)
})

test('nesting is bounded, in brackets and in blocks', () => {
  assert.match(faultsOf(`a: ${'['.repeat(100_000)}`)[0]!, /levels of nesting/)
  assert.match(faultsOf(`a:\n  ${'- '.repeat(20_000)}x\n`)[0]!, /levels of nesting/)
  assert.deepEqual(faultsOf(`a: ${'['.repeat(60)}${']'.repeat(60)}`), [])
})

test('many keys and a large text are bounded', () => {
  const keys = Array.from({ length: 30_000 }, (_, index) => `k${index}: 1`).join('\n')
  assert.deepEqual(faultsOf(keys), [])
  assert.match(faultsOf('#'.repeat(documentBytesMax + 1))[0]!, /at most \d+ bytes/)
})

test('a whole number that a double cannot hold is a fault, and text in quotes is not', () => {
  assert.deepEqual(faultsOf('a: 9007199254740993\n'), [
    '1: a: a number that a double holds exactly, or the same in quotes as text',
  ])
  assert.deepEqual(faultsOf('a: "9007199254740993"\n'), [])
})

test('YAML 1.2 is meant: no, on and dates are text', () => {
  const { value } = parseDocument('x.yaml', 'a: no\nb: on\nc: 2024-01-01\nd: 0o17\ne: ~\n')
  assert.deepEqual(plain(value), { a: 'no', b: 'on', c: '2024-01-01', d: 15, e: null })
})

test('an empty document is null', () => {
  assert.equal(parseDocument('x.yaml', '').value, null)
  assert.equal(parseDocument('x.yaml', '# only a comment\n').value, null)
})

test('any JSON value survives', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => {
      fc.pre(!text.includes('__proto__') && !/\d{16}|e\+/.test(text))
      const { value } = parseDocument('x.json', text)
      assert.deepEqual(plain(value), JSON.parse(text))
    }),
    { seed: 7, numRuns: 300 },
  )
})

test('any text gives a document or a DocumentError', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      faultsOf(text)
    }),
    { seed: 11, numRuns: 1000 },
  )
})

test('a file that is not there is named, with the reason', () => {
  assert.throws(
    () => readDocument('/nowhere/mapping.yaml'),
    (error) => error instanceof EngineError && error.code === 'file_unreadable',
  )
})

test('a file is read, and its name stands in the faults of whoever reads the document', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-document-'))
  try {
    const file = join(folder, 'mapping.yaml')
    writeFileSync(file, 'format: csv\nfromat: json\n')
    const reader = new DocumentReader(readDocument(file))
    reader.object(reader.document.value, [], ['format'])
    assert.throws(
      () => {
        reader.finish()
      },
      new RegExp(`^DocumentError: ${file}:2: fromat: .*did you mean format`),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
