// What a call was answered, and under which address it is found again: keyed hashes only, no raw id is ever in one.
import { SipHash } from './hash.ts'

/** Where an answer is kept. Both parts are 128-bit keyed hashes as base64url, 22 characters. */
export interface AnswerAddress {
  /** Hash of the primary entity, its tenant included: the same one that names its journal. */
  readonly primary: string
  readonly id: string
}

export interface Answer extends AnswerAddress {
  /** The fingerprint of the content that was answered, 16 hex digits: other content under the id is a conflict. */
  readonly fingerprint: string
  /** The document, byte for byte as it went out. */
  readonly body: string
}

export const primaryHashPattern = /^[A-Za-z0-9_-]{21}[AQgw]$/

/** Hashes of ids under a deployment's key. One at a time: it owns scratch memory. */
export class IdHasher {
  readonly #sip: SipHash
  readonly #words = Buffer.alloc(16)

  /** `hashKey`: 16 bytes, the same for all engines of a deployment. */
  constructor(hashKey: Uint8Array) {
    this.#sip = new SipHash(hashKey)
  }

  hash(id: string): string {
    // The name in front keeps these hashes apart from those of entities and records.
    const bytes = Buffer.from(`answer\0${id}`)
    this.#sip.hash128(bytes, bytes.length)
    const { w0, w1, w2, w3 } = this.#sip
    return hashText(this.#words, w0, w1, w2, w3)
  }
}

/** Four words of a hash as base64url, as keys of the store have them. `scratch`: 16 bytes. */
export function hashText(scratch: Buffer, w0: number, w1: number, w2: number, w3: number): string {
  scratch.writeUInt32BE(w0 >>> 0, 0)
  scratch.writeUInt32BE(w1 >>> 0, 4)
  scratch.writeUInt32BE(w2 >>> 0, 8)
  scratch.writeUInt32BE(w3 >>> 0, 12)
  return scratch.toString('base64url')
}

/** The first word of a hash that `hashText` wrote: it chooses the bucket. */
export function firstWord(hash: string): number {
  return Buffer.from(hash, 'base64url').readUInt32BE(0)
}
