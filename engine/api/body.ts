// Reads the body of a call whole, up to a bound of bytes and time. It does not look into it.
import type { IncomingMessage } from 'node:http'
import { refuse } from './headers.ts'
import type { Reply } from './reply.ts'

export interface BodyBounds {
  readonly bytesMax: number
  readonly msMax: number
}

/** The bytes; a reply where they are too many or too slow; null when the caller has gone. Never rejects. */
export function readBody(
  request: IncomingMessage,
  { bytesMax, msMax }: BodyBounds,
): Promise<Buffer | Reply | null> {
  const expected = `at most ${bytesMax} bytes`
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > bytesMax) {
    return Promise.resolve(refuse(413, 'too_large', '$', expected, `${announced} bytes`))
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const finish = (result: Buffer | Reply | null): void => {
      clearTimeout(timer)
      request.off('data', take)
      resolve(result)
    }
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > bytesMax) {
        // What still comes is read and thrown away, or the caller would not see the reply.
        request.resume()
        finish(refuse(413, 'too_large', '$', expected, `more than ${bytesMax} bytes`))
      } else chunks.push(chunk)
    }
    const timer = setTimeout(() => {
      const found = `${bytes} bytes after ${msMax} ms`
      finish(refuse(408, 'slow_body', '$', `the whole body within ${msMax} ms`, found))
    }, msMax)
    request.on('data', take)
    request.once('end', () => {
      finish(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    })
    request.once('close', () => {
      finish(null)
    })
    request.once('error', () => {
      finish(null)
    })
  })
}
