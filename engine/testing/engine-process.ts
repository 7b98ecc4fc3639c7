// The engine as users run it: `weir …` in a process of its own, with a configuration made for a test.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(import.meta.resolve('#root/dist/engine/main.js'))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export class EngineProcess {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #stdout = ''
  #stderr = ''

  /** `config`: the text of weir.yaml; null runs without one. */
  constructor(args: readonly string[], config: string | null, environment: NodeJS.ProcessEnv = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'weir-test-'))
    if (config !== null) writeFileSync(join(folder, 'weir.yaml'), config)
    this.child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString('utf8')))
    this.child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString('utf8')))
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
  }

  get stderr(): string {
    return this.#stderr
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }
}
