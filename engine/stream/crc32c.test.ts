// Held against published checksums.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from './crc32c.ts'

// RFC 3720, appendix B.4; its bytes of a checksum stand with the least significant first.
const vectors: readonly (readonly [name: string, bytes: Uint8Array, crc: number])[] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 incrementing bytes', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
  ['32 decrementing bytes', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  ['no bytes', new Uint8Array(0), 0],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
]

for (const [name, bytes, crc] of vectors) {
  test(`the checksum of ${name} is the published one`, () => {
    assert.equal(crc32c(bytes, 0, bytes.length), crc)
  })
}

test('a checksum is of the bytes between start and end, wherever they lie', () => {
  const digits = Buffer.from('123456789')
  for (let start = 0; start < 16; start++) {
    const around = Buffer.concat([Buffer.alloc(start, 0xaa), digits, Buffer.alloc(5, 0xbb)])
    assert.equal(crc32c(around, start, start + digits.length), 0xe3069283)
  }
})
