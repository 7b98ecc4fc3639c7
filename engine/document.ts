// Reads a YAML or JSON document and remembers its lines. The only importer of yaml. It never runs what a document says
// and never lets its size, depth or aliases cost more than a bounded amount of work.
import { readFileSync } from 'node:fs'
import {
  type Alias,
  Composer,
  type CST,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import {
  type Document,
  DocumentError,
  type Fault,
  formatPath,
  type Path,
} from '../features/document.ts'
import { EngineError } from './errors.ts'

/** Written by people, at most a rate table of every currency and day; parsing it takes two seconds. */
export const documentBytesMax = 1024 * 1024

/** Values of a document, each alias counted with all that it stands for. */
export const documentNodesMax = 200_000

/** Levels of nesting. The deepest document of ours has six. */
export const documentDepthMax = 64

/**
 * Reads a file. Throws EngineError when it cannot be read, DocumentError with every fault of its text.
 * Objects have no prototype, so that a key such as `constructor` is only ever the document's own.
 */
export function readDocument(file: string): Document {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new EngineError('file_unreadable', `reading ${file}`, { cause: error })
  }
  return parseDocument(file, bytes)
}

/** Reads YAML 1.2 or JSON (which is YAML). `file` is the name used in faults. Throws DocumentError. */
export function parseDocument(file: string, source: Uint8Array | string): Document {
  const bytes = typeof source === 'string' ? Buffer.byteLength(source) : source.byteLength
  if (bytes > documentBytesMax) {
    throw whole(file, 1, `at most ${documentBytesMax} bytes`, `${bytes} bytes`)
  }
  const text = typeof source === 'string' ? source : decode(file, source)
  const lines = new LineCounter()
  const yaml = parse(file, text, lines)
  const broken = [...yaml.errors, ...yaml.warnings].map(({ pos, message }) =>
    fault(file, lines.linePos(pos[0]).line, [], 'valid YAML or JSON', message),
  )
  if (broken.length > 0) throw new DocumentError(broken)

  const builder = new Builder(file, lines)
  const value = builder.build(yaml.contents, [])
  if (builder.faults.length > 0) throw new DocumentError(builder.faults)
  return { file, value, lineOf: (path) => builder.lineOf(value, path) }
}

function parse(file: string, text: string, lines: LineCounter) {
  const tokens = [...new Parser(lines.addNewLine).parse(text)]
  checkDepth(file, tokens, lines)
  const composer = new Composer({
    // yaml compares each key with all before it, which is quadratic; Builder uses a map.
    uniqueKeys: false,
    stringKeys: true,
    merge: false,
    resolveKnownTags: false,
    version: '1.2',
    schema: 'core',
    logLevel: 'silent',
  })
  const [first, second] = composer.compose(tokens, true, text.length)
  if (second !== undefined) {
    const { line } = lines.linePos(second.range[0])
    throw whole(file, line, 'one document', 'a second one')
  }
  // `forceDoc` above makes one even of an empty text.
  return first!
}

/**
 * Refuses deep nesting before the composer recurses over it: a stack that is nearly full makes V8 abort the whole
 * process when it next compiles a regular expression, so a RangeError cannot be relied on.
 */
function checkDepth(file: string, tokens: readonly CST.Token[], lines: LineCounter): void {
  const open: { readonly token: CST.Token; readonly depth: number }[] = []
  for (const token of tokens) open.push({ token, depth: 0 })
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next
    if (depth > documentDepthMax) {
      const { line } = lines.linePos('offset' in token ? token.offset : 0)
      throw whole(file, line, `at most ${documentDepthMax} levels of nesting`, 'more')
    }
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth })
    if (!('items' in token)) continue
    for (const { key, value } of token.items) {
      if (key) open.push({ token: key, depth: depth + 1 })
      if (value) open.push({ token: value, depth: depth + 1 })
    }
  }
}

interface Built {
  readonly value: unknown
  /** Values in it, aliases counted with what they stand for. */
  readonly nodes: number
}

/** Turns the parser's nodes into plain values, noting the line of each key and item. */
class Builder {
  readonly faults: Fault[] = []
  readonly #file: string
  readonly #lines: LineCounter
  /** Per object or list: the lines of its keys or items. */
  readonly #lineOf = new WeakMap<object, Map<string | number, number>>()
  readonly #anchors = new Map<string, Built>()
  #nodes = 0

  constructor(file: string, lines: LineCounter) {
    this.#file = file
    this.#lines = lines
  }

  /** Recurses once per level, which `checkDepth` has bounded. */
  build(node: unknown, path: Path): unknown {
    return this.#build(node, path).value
  }

  /** Line of the node at `path`, or of its nearest parent that exists. */
  lineOf(root: unknown, path: Path): number {
    let line = 1
    let at: unknown = root
    for (const part of path) {
      if (typeof at !== 'object' || at === null) break
      const found = this.#lineOf.get(at)?.get(part)
      if (found === undefined) break
      line = found
      at = (at as Record<string | number, unknown>)[part]
    }
    return line
  }

  #build(node: unknown, path: Path): Built {
    if (isAlias(node)) return this.#alias(node, path)
    if (!this.#count(node, path, 1)) return nothing
    const before = this.#nodes
    let value: unknown = null
    if (isMap(node)) value = this.#map(node, path)
    else if (isSeq(node)) value = this.#list(node, path)
    else if (isScalar(node)) value = this.#scalar(node, path)
    const built = { value, nodes: this.#nodes - before + 1 }
    const anchor = (node as Node | null)?.anchor
    if (anchor !== undefined) this.#anchors.set(anchor, built)
    return built
  }

  #map(node: YAMLMap, path: Path): unknown {
    const object = Object.create(null) as Record<string, unknown>
    const lines = new Map<string | number, number>()
    this.#lineOf.set(object, lines)
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : ''
      const line = this.#line(pair.key)
      const found = [...path, key]
      if (key === '__proto__') {
        this.faults.push(fault(this.#file, line, found, 'another name than __proto__', key))
        continue
      }
      const first = lines.get(key)
      if (first !== undefined) {
        const hint = `the first is in line ${first}`
        this.faults.push(fault(this.#file, line, found, 'each key once', `a second ${key}`, hint))
        continue
      }
      lines.set(key, line)
      object[key] = this.build(pair.value, found)
    }
    return object
  }

  #list(node: YAMLSeq, path: Path): unknown {
    const list: unknown[] = []
    const lines = new Map<string | number, number>()
    this.#lineOf.set(list, lines)
    node.items.forEach((item, index) => {
      lines.set(index, this.#line(item))
      list.push(this.build(item, [...path, index]))
    })
    return list
  }

  #scalar(node: Scalar, path: Path): unknown {
    const { value } = node
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      const expected = 'a number that a double holds exactly, or the same in quotes as text'
      this.#fault(node, path, expected, node.source ?? String(value))
    }
    return value
  }

  /** The same value as its anchor: shared, not copied, but counted again, since readers walk it again. */
  #alias(node: Alias, path: Path): Built {
    const built = this.#anchors.get(node.source)
    if (built === undefined) {
      this.#fault(node, path, 'an alias of an anchor that ends before it', `*${node.source}`)
      return nothing
    }
    return this.#count(node, path, built.nodes) ? built : nothing
  }

  /** False once the document has too many values; said once. */
  #count(node: unknown, path: Path, nodes: number): boolean {
    const wasFine = this.#nodes <= documentNodesMax
    this.#nodes += nodes
    if (this.#nodes <= documentNodesMax) return true
    if (wasFine)
      this.#fault(node, path, `at most ${documentNodesMax} values, aliases counted`, 'more')
    return false
  }

  #fault(node: unknown, path: Path, expected: string, found: string): void {
    this.faults.push(fault(this.#file, this.#line(node), path, expected, found))
  }

  #line(node: unknown): number {
    const range = (node as Node | null)?.range
    return range ? this.#lines.linePos(range[0]).line : 1
  }
}

const nothing: Built = { value: null, nodes: 1 }

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const text = new TextDecoder('utf-8').decode(bytes)
    const line = text.slice(0, text.indexOf('\ufffd')).split('\n').length
    throw whole(file, line, 'UTF-8 text', 'bytes that are none')
  }
}

function whole(file: string, line: number, expected: string, found: string): DocumentError {
  return new DocumentError([fault(file, line, [], expected, found)])
}

function fault(
  file: string,
  line: number,
  path: Path,
  expected: string,
  found: string,
  hint: string | null = null,
): Fault {
  return { file, line, path: formatPath(path), expected, found, hint }
}
