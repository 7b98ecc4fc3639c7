// A script in a process of its own that answers questions, one at a time: the generator, the reader, the echo. Both sides of
// the channel are here; neither knows what is asked.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../../engine/testing/child.ts'
import { nodeFlags } from '../variant.ts'

type Answer = { readonly value: unknown } | { readonly error: string }

/** The asking side. `Questions`: by name, what is asked with and what comes back. */
export class AskedProcess<Questions extends { [name: string]: [unknown, unknown] }> {
  readonly child: ChildProcess

  private constructor(child: ChildProcess) {
    this.child = child
  }

  /** `script`: relative to this folder, without its ending. Resolves when it listens. */
  static async start<Q extends { [name: string]: [unknown, unknown] }>(
    script: string,
    settings: unknown,
  ): Promise<AskedProcess<Q>> {
    const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url))
    const child = fork(path, [JSON.stringify(settings)], {
      execArgv: [...nodeFlags],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    endWithParent(child)
    const process = new AskedProcess<Q>(child)
    await process.#next()
    return process
  }

  get pid(): number {
    return this.child.pid!
  }

  /** Rejects with what the script threw, or when it ended. */
  async ask<Name extends keyof Questions & string>(
    name: Name,
    value: Questions[Name][0],
  ): Promise<Questions[Name][1]> {
    const answered = this.#next()
    this.child.send({ name, value })
    return answered
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGTERM')
    await ended
  }

  #next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.child.off('message', take)
        this.child.off('exit', end)
      }
      const take = (answer: Answer): void => {
        settle()
        if ('error' in answer) reject(new Error(answer.error))
        else resolve(answer.value)
      }
      const end = (code: number | null): void => {
        settle()
        reject(new Error(`${this.child.spawnargs[1] ?? ''} ended with ${code}`))
      }
      this.child.on('message', take)
      this.child.on('exit', end)
    })
  }
}

/** The answering side: the settings that the process was started with. */
export function settingsOf(): unknown {
  return JSON.parse(process.argv[2]!)
}

/** Says that it is ready, then answers until it is killed. */
export function answer<Questions extends { [name: string]: [unknown, unknown] }>(
  handlers: {
    [Name in keyof Questions]: (value: Questions[Name][0]) => Promise<Questions[Name][1]>
  },
): void {
  const say = (told: Answer): void => {
    process.send?.(told)
  }
  process.on('message', ({ name, value }: { name: string; value: never }) => {
    void (async () => {
      try {
        say({ value: (await handlers[name]!(value)) ?? null })
      } catch (error) {
        say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
      }
    })()
  })
  say({ value: null })
}
