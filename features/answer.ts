// What a call was answered, under which address it is found again, and how it travels with its transaction through a topic.
// Addresses are keyed hashes only, no raw id is ever in one.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { SipHash } from './hash.ts'
import { fingerprintAt } from './journal.ts'
import type { Observation } from './observation.ts'

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

/** Finds addresses under a deployment's key. One at a time: it owns scratch memory. */
export class Addresser {
  readonly #sip: SipHash
  readonly #primary: number
  readonly #words = Buffer.alloc(16)

  /** `hashKey`: 16 bytes, the same for all engines of a deployment; `primary`: its place among a row's entities. */
  constructor(hashKey: Uint8Array, primary: number) {
    this.#sip = new SipHash(hashKey)
    this.#primary = primary
  }

  /** Where the answer to `id` of a primary entity is kept. */
  address(primary: string, id: string): AnswerAddress {
    return { primary, id: this.#hash(id) }
  }

  /** That of an encoded row with this id. */
  addressOf(batch: Observation, row: number, id: string): AnswerAddress {
    const { key } = batch
    const word = (row * batch.entityCount + this.#primary) * 4
    const [w0, w1, w2, w3] = [key[word]!, key[word + 1]!, key[word + 2]!, key[word + 3]!]
    return this.address(hashText(this.#words, w0, w1, w2, w3), id)
  }

  /** Of an encoded row's content, 16 hex digits. */
  fingerprintOf(batch: Observation, row: number): string {
    const record = (row * batch.entityCount + this.#primary) * batch.recordStride
    const fingerprint = batch.recordData.getBigUint64(record + fingerprintAt)
    return fingerprint.toString(16).padStart(16, '0')
  }

  #hash(id: string): string {
    // The name in front keeps these hashes apart from those of entities and records.
    const bytes = Buffer.from(`answer\0${id}`)
    this.#sip.hash128(bytes, bytes.length)
    const { w0, w1, w2, w3 } = this.#sip
    return hashText(this.#words, w0, w1, w2, w3)
  }
}

const macBytes = 32

/**
 * Seals answers for the way through a topic that others can write to: HMAC-SHA-256 (RFC 2104) under a key derived from the
 * deployment's, over address, fingerprint and body. So no answer can be made up, changed, or moved to another transaction.
 */
export class AnswerSeal {
  readonly #key: Buffer

  constructor(hashKey: Uint8Array) {
    this.#key = createHmac('sha256', hashKey).update('weir: answers of calls').digest()
  }

  /** The MAC, 32 bytes, then the body in UTF-8. */
  seal(answer: Answer): Buffer {
    const body = Buffer.from(answer.body)
    return Buffer.concat([this.#mac(answer, answer.fingerprint, body), body])
  }

  /** The answer that was sealed for this address and content; null for anything else. */
  open(sealed: Uint8Array, address: AnswerAddress, fingerprint: string): Answer | null {
    const body = sealed.subarray(macBytes)
    if (body.length === 0) return null
    const mac = this.#mac(address, fingerprint, body)
    if (!timingSafeEqual(mac, sealed.subarray(0, macBytes))) return null
    return { ...address, fingerprint, body: Buffer.from(body).toString('utf8') }
  }

  #mac({ primary, id }: AnswerAddress, fingerprint: string, body: Uint8Array): Buffer {
    const mac = createHmac('sha256', this.#key)
    return mac.update(`${primary}.${id}.${fingerprint}.`).update(body).digest()
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
