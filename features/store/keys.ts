// Builds every Redis key, and nothing else does. No raw id is ever in one: entities come as keyed 128-bit hashes.
import { strict as assert } from 'node:assert'
import type { JournalPlans } from '../journal.ts'

export const bucketsMax = 4096
/** Characters of a 128-bit hash as base64url. */
const hashChars = 22
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')

/**
 * The keys of one namespace: `w:<namespace>:{b07}:<tenant>:<kind>:<hash>` for a journal, `w:<namespace>:{b07}:chain` for a
 * bucket's chain, `w:<namespace>:{b07}:answer:<hash>.<hash of id>` for an answer, `w:<namespace>:deployment` for what all engines must agree on,
 * `w:<namespace>:covered` for the offsets that were recorded, `w:<namespace>:recorder:<topic>` for who records them. Tenants are [A-Za-z0-9_-]{1,32} and kinds
 * are names, or several joined by `+`, so no key can be read in two ways. The braces keep a bucket on one node of a cluster.
 */
export class Keys {
  readonly buckets: number
  readonly deployment: string
  readonly covered: string
  readonly #buckets: readonly string[]
  readonly #chains: readonly string[]
  readonly #recorder: string
  readonly #kinds: readonly string[]
  /** Key text before the hash, by bucket, kind and tenant: few, and costly to build for each entity. */
  readonly #prefixes: Map<string, Buffer>[]

  constructor(plans: JournalPlans, buckets: number) {
    assert(Number.isInteger(buckets) && buckets >= 1 && buckets <= bucketsMax)
    assert(/^[0-9A-Za-z]{1,32}$/.test(plans.namespace))
    for (const { kind } of plans.journals) assert(/^[A-Za-z_][A-Za-z0-9_+]{0,63}$/.test(kind))
    this.buckets = buckets
    this.deployment = `w:${plans.namespace}:deployment`
    this.covered = `w:${plans.namespace}:covered`
    this.#recorder = `w:${plans.namespace}:recorder:`
    const digits = Math.max(2, (buckets - 1).toString(16).length)
    this.#buckets = Array.from(
      { length: buckets },
      (_, bucket) => `w:${plans.namespace}:{b${bucket.toString(16).padStart(digits, '0')}}`,
    )
    this.#chains = this.#buckets.map((name) => `${name}:chain`)
    this.#kinds = plans.journals.map((journal) => journal.kind)
    this.#prefixes = Array.from(
      { length: buckets * this.#kinds.length },
      () => new Map<string, Buffer>(),
    )
  }

  /** The bucket of an entity whose hash begins with `word`. */
  bucketOf(word: number): number {
    return word % this.buckets
  }

  chain(bucket: number): string {
    return this.#chains[bucket]!
  }

  recorder(topic: string): string {
    return this.#recorder + topic
  }

  /** Of the answer to a transaction; both hashes as base64url. One part less than a journal's key has. */
  answer(bucket: number, primary: string, id: string): string {
    return `${this.#buckets[bucket]!}:answer:${primary}.${id}`
  }

  /** No bulk that `writeBulk` writes is longer. */
  get bulkMax(): number {
    return bulkMax
  }

  /**
   * Writes a journal's key into `out` at `to`, framed for the wire; returns the byte after it. `entity` is the index of the
   * kind, `key[at]` the first of four words of the entity's hash.
   */
  writeBulk(
    out: Uint8Array,
    to: number,
    tenant: string,
    entity: number,
    bucket: number,
    key: Uint32Array,
    at: number,
  ): number {
    const prefix = this.#prefix(tenant, entity, bucket)
    let end = to
    for (let byte = 0; byte < prefix.length; byte++) out[end++] = prefix[byte]!
    for (let bit = 0; bit < 128; bit += 6) {
      const word = at + (bit >>> 5)
      const shift = bit & 31
      let six = key[word]!
      if (shift <= 26) six >>>= 26 - shift
      else six = (six << (shift - 26)) | (word < at + 3 ? key[word + 1]! >>> (58 - shift) : 0)
      out[end++] = alphabet[six & 63]!
    }
    out[end++] = 13
    out[end++] = 10
    return end
  }

  /** A journal's key as text. */
  journal(tenant: string, entity: number, key: Uint32Array, at: number): string {
    const out = Buffer.alloc(bulkMax)
    const end = this.writeBulk(out, 0, tenant, entity, this.bucketOf(key[at]!), key, at)
    return out.toString('latin1', out.indexOf(10) + 1, end - 2)
  }

  /** What comes before the hash, the frame included. */
  #prefix(tenant: string, entity: number, bucket: number): Buffer {
    const prefixes = this.#prefixes[bucket * this.#kinds.length + entity]!
    let prefix = prefixes.get(tenant)
    if (prefix === undefined) {
      const text = `${this.#buckets[bucket]!}:${tenant}:${this.#kinds[entity]!}:`
      prefix = Buffer.from(`$${text.length + hashChars}\r\n${text}`, 'latin1')
      assert(prefix.length + hashChars + 2 <= bulkMax)
      // Tenants come from data: what is kept of them must stay bounded.
      if (prefixes.size >= tenantsKept) prefixes.clear()
      prefixes.set(tenant, prefix)
    }
    return prefix
  }
}

const bulkMax = 256
const tenantsKept = 64
