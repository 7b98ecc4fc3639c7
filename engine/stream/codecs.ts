// How compressed batches are read. kafkajs brings gzip; snappy, lz4 and zstd come from packages that it has never heard of.
import { createRequire } from 'node:module'
import { decompress as zstdDecompress } from 'fzstd'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { EngineError } from '../errors.ts'

export interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

const require = createRequire(import.meta.url)

export const snappy = require('kafkajs-snappy') as () => Codec

export const lz4 = (): Codec => ({
  compress: ({ buffer }) => Promise.resolve(compressFrameSync(buffer)),
  decompress: (bytes) => Promise.resolve(decompressFrameSync(bytes)),
})

export const zstd = (): Codec => ({
  compress: () => Promise.reject(new EngineError('unexpected', 'zstd is only read, never written')),
  decompress: (bytes) => Promise.resolve(Buffer.from(zstdDecompress(bytes))),
})
