// Lines of results, to a file or to stdout, in large writes. What was flushed has left the process.
import { type FileHandle, open } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import type { LineSink } from '../core/ports.ts'
import { EngineError } from '../errors.ts'

const flushChars = 256 * 1024

abstract class BufferedLines implements LineSink {
  #lines: string[] = []
  #chars = 0

  write(line: string): void {
    this.#lines.push(line)
    this.#chars += line.length + 1
  }

  async flush(): Promise<void> {
    if (this.#chars >= flushChars) await this.#empty()
  }

  async close(): Promise<void> {
    await this.#empty()
    await this.finish()
  }

  protected abstract put(text: string): Promise<void>
  protected abstract finish(): Promise<void>

  async #empty(): Promise<void> {
    if (this.#lines.length === 0) return
    const text = `${this.#lines.join('\n')}\n`
    this.#lines = []
    this.#chars = 0
    await this.put(text)
  }
}

/** Lines of a file that is made anew. `close` has them on disk. */
export class FileLines extends BufferedLines {
  readonly #file: string
  readonly #handle: FileHandle

  private constructor(file: string, handle: FileHandle) {
    super()
    this.#file = file
    this.#handle = handle
  }

  /** Throws EngineError when the file cannot be written. */
  static async open(file: string): Promise<FileLines> {
    const handle = await open(file, 'w').catch((cause: unknown) => {
      throw new EngineError('output_unwritable', `opening ${file}`, { cause })
    })
    return new FileLines(file, handle)
  }

  protected override async put(text: string): Promise<void> {
    await this.#handle.writeFile(text).catch((cause: unknown) => {
      throw new EngineError('output_unwritable', `writing ${this.#file}`, { cause })
    })
  }

  protected override async finish(): Promise<void> {
    await this.#handle.sync()
    await this.#handle.close()
  }
}

/** Lines of an open stream such as stdout, which stays open. */
export class StreamLines extends BufferedLines {
  readonly #stream: Writable

  constructor(stream: Writable) {
    super()
    this.#stream = stream
  }

  protected override async put(text: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (error) => {
        if (error) reject(new EngineError('output_unwritable', 'writing', { cause: error }))
        else resolve()
      })
    })
  }

  protected override async finish(): Promise<void> {
    // The stream belongs to the process.
  }
}
