// Pieces of a message as text. A short ASCII message is decoded once and its pieces are cut out of that, which costs a tenth
// of a native call each.
import { isAscii, isUtf8 } from 'node:buffer'

/** A piece keeps the whole text alive while it is in use, so long messages are decoded piece by piece. */
const wholeBytesMax = 4096

export class MessageText {
  #bytes: Buffer = Buffer.alloc(0)
  #whole: string | null = null

  /** False where the bytes are not UTF-8. */
  open(bytes: Buffer): boolean {
    this.#bytes = bytes
    this.#whole = null
    if (bytes.length > wholeBytesMax || !isAscii(bytes)) return isUtf8(bytes)
    this.#whole = bytes.toString('latin1')
    return true
  }

  /** The text of bytes [start, end), which begin and end between characters. */
  slice(start: number, end: number): string {
    return this.#whole?.substring(start, end) ?? this.#bytes.toString('utf8', start, end)
  }
}
