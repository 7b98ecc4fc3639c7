// A strict scanner of one JSON document (RFC 8259) that keeps only the mapped fields, numbers as their decimal text. It
// builds no objects, so no name can mean anything to it, and it validates every byte of the document.
import { type Fields, FieldType } from './fields.ts'
import { MessageText } from './message-text.ts'
import type { RejectReason } from './reject.ts'

/** Levels of nesting a document may have. */
export const depthMax = 64

/** The mapped names below one object. */
interface Node {
  /** By length of the name in bytes. */
  readonly byLength: Name[][]
}

interface Name {
  readonly bytes: Buffer
  slot: number
  child: Node | null
}

/**
 * Scans for `paths` (slot = index): a name of the top object, or names joined by dots for nested objects; a name that
 * itself has dots is found too. Allocates the texts it keeps and nothing else.
 */
export class JsonScanner {
  readonly #root: Node
  readonly #text = new MessageText()
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #fields: Fields | null = null
  #error: RejectReason | null = null

  constructor(paths: readonly string[]) {
    this.#root = makeNode()
    for (const [slot, path] of paths.entries()) addPath(this.#root, path, slot)
  }

  /** Fills `fields`; returns why the bytes are not one JSON object, or null. */
  scan(bytes: Buffer, fields: Fields): RejectReason | null {
    if (!this.#text.open(bytes)) return 'bad_utf8'
    fields.clear()
    this.#bytes = bytes
    this.#fields = fields
    this.#error = null
    this.#at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
    this.#space()
    if (this.#at === bytes.length) return 'empty'
    const isObject = bytes[this.#at] === 0x7b
    if (!this.#value(this.#root, -1, 0)) return this.#failure()
    this.#space()
    if (this.#at !== bytes.length) return 'not_json'
    if (!isObject) return 'not_object'
    return fields.duplicate >= 0 ? 'duplicate_key' : null
  }

  #failure(): RejectReason {
    return this.#error ?? 'not_json'
  }

  #space(): void {
    const bytes = this.#bytes
    let at = this.#at
    while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09)
      at++
    this.#at = at
  }

  /** One value; its text goes to `slot` unless that is -1. False where it is no JSON. */
  #value(node: Node | null, slot: number, depth: number): boolean {
    switch (this.#bytes[this.#at]) {
      case 0x22:
        return this.#string(slot)
      case 0x7b:
        return this.#object(node, slot, depth)
      case 0x5b:
        return this.#array(slot, depth)
      case 0x74:
        return this.#literal('true', slot, FieldType.boolean)
      case 0x66:
        return this.#literal('false', slot, FieldType.boolean)
      case 0x6e:
        return this.#literal('null', slot, FieldType.absent)
      default:
        return this.#number(slot)
    }
  }

  #object(node: Node | null, slot: number, depth: number): boolean {
    if (!this.#enter(slot, depth)) return false
    this.#space()
    if (this.#bytes[this.#at] === 0x7d) return this.#leave()
    for (;;) {
      if (this.#bytes[this.#at] !== 0x22) return false
      const name = this.#name(node)
      if (name === undefined) return false
      this.#space()
      if (this.#bytes[this.#at] !== 0x3a) return false
      this.#at++
      this.#space()
      if (!this.#value(name?.child ?? null, name?.slot ?? -1, depth + 1)) return false
      this.#space()
      const byte = this.#bytes[this.#at]
      if (byte === 0x7d) return this.#leave()
      if (byte !== 0x2c) return false
      this.#at++
      this.#space()
    }
  }

  #array(slot: number, depth: number): boolean {
    if (!this.#enter(slot, depth)) return false
    this.#space()
    if (this.#bytes[this.#at] === 0x5d) return this.#leave()
    for (;;) {
      if (!this.#value(null, -1, depth + 1)) return false
      this.#space()
      const byte = this.#bytes[this.#at]
      if (byte === 0x5d) return this.#leave()
      if (byte !== 0x2c) return false
      this.#at++
      this.#space()
    }
  }

  #enter(slot: number, depth: number): boolean {
    if (depth >= depthMax) {
      this.#error = 'too_deep'
      return false
    }
    this.#keep(slot, FieldType.compound, '')
    this.#at++
    return true
  }

  #leave(): boolean {
    this.#at++
    return true
  }

  /** The mapped name at hand, null for one that is not mapped, undefined where it is no string. */
  #name(node: Node | null): Name | null | undefined {
    const start = this.#at + 1
    const hasEscape = this.#skipString()
    if (hasEscape === null) return undefined
    const end = this.#at - 1
    if (node === null) return null
    if (hasEscape) {
      const text = this.#decode(start, end)
      return text === null ? undefined : findName(node, Buffer.from(text))
    }
    const candidates = node.byLength[end - start]
    if (candidates === undefined) return null
    for (const candidate of candidates) {
      if (matches(this.#bytes, start, candidate.bytes)) return candidate
    }
    return null
  }

  #string(slot: number): boolean {
    const start = this.#at + 1
    const hasEscape = this.#skipString()
    if (hasEscape === null) return false
    if (slot < 0) return true
    const end = this.#at - 1
    if (end === start) this.#keep(slot, FieldType.absent, '')
    else if (hasEscape) {
      const text = this.#decode(start, end)
      if (text === null) return false
      this.#keep(slot, FieldType.text, text)
    } else this.#keep(slot, FieldType.text, this.#text.slice(start, end))
    return true
  }

  /** Moves behind the closing quote; whether there were escapes, null where it is no string. */
  #skipString(): boolean | null {
    const bytes = this.#bytes
    let at = this.#at + 1
    let hasEscape = false
    for (;;) {
      const byte = bytes[at]
      if (byte === undefined || byte < 0x20) return null
      if (byte === 0x22) break
      at++
      if (byte !== 0x5c) continue
      hasEscape = true
      const length = escapeLength(bytes, at)
      if (length === 0) return null
      at += length
    }
    this.#at = at + 1
    return hasEscape
  }

  /** Text of a string with escapes that were validated; null (and bad_utf8) where half a character is left. */
  #decode(start: number, end: number): string | null {
    const text = JSON.parse(`"${this.#text.slice(start, end)}"`) as string
    if (text.isWellFormed()) return text
    this.#error = 'bad_utf8'
    return null
  }

  #literal(word: string, slot: number, type: FieldType): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) return false
    }
    this.#at += word.length
    this.#keep(slot, type, word)
    return true
  }

  #number(slot: number): boolean {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    if (bytes[at] === 0x2d) at++
    if (bytes[at] === 0x30) at++
    else {
      const first = at
      while (isDigit(bytes[at])) at++
      if (at === first) return false
    }
    if (bytes[at] === 0x2e) {
      const first = ++at
      while (isDigit(bytes[at])) at++
      if (at === first) return false
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++
      const first = at
      while (isDigit(bytes[at])) at++
      if (at === first) return false
    }
    this.#at = at
    if (slot >= 0) this.#keep(slot, FieldType.number, this.#text.slice(start, at))
    return true
  }

  #keep(slot: number, type: FieldType, text: string): void {
    if (slot < 0) return
    const fields = this.#fields!
    if (fields.seen[slot] === 1) fields.duplicate = slot
    fields.seen[slot] = 1
    fields.type[slot] = type
    fields.text[slot] = text
  }
}

function makeNode(): Node {
  return { byLength: [] }
}

/** Every way to split the path into names: `a.b` is the name "a.b", or b below a. */
function addPath(node: Node, path: string, slot: number): void {
  addName(node, path).slot = slot
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const name = addName(node, path.slice(0, dot))
    name.child ??= makeNode()
    addPath(name.child, path.slice(dot + 1), slot)
  }
}

function addName(node: Node, text: string): Name {
  const bytes = Buffer.from(text)
  const found = findName(node, bytes)
  if (found !== null) return found
  const name: Name = { bytes, slot: -1, child: null }
  const list = node.byLength[bytes.length] ?? []
  node.byLength[bytes.length] = [...list, name]
  return name
}

function findName(node: Node, bytes: Buffer): Name | null {
  return node.byLength[bytes.length]?.find((name) => name.bytes.equals(bytes)) ?? null
}

function matches(bytes: Buffer, at: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false
  return true
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

/** Bytes of the escape behind a backslash; 0 where it is none. */
function escapeLength(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 1
    case 0x75:
      for (let i = 1; i <= 4; i++) if (!isHex(bytes[at + i])) return 0
      return 5
    default:
      return 0
  }
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}
