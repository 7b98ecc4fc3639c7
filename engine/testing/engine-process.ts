// The engine as users run it: `weir …` in a process of its own, with a configuration made for a test. None outlives the
// test that started it, nor the process that runs the tests.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { endWithParent } from './child.ts'

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

  /** `config`: the text of weir.yaml; null runs without one. For commands that end by themselves. `nodeFlags`: of Node itself. */
  constructor(
    args: readonly string[],
    config: string | null,
    environment: NodeJS.ProcessEnv = {},
    nodeFlags: readonly string[] = [],
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'weir-test-'))
    if (config !== null) writeFileSync(join(folder, 'weir.yaml'), config)
    this.child = spawn(process.execPath, [...nodeFlags, main, ...args], {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    endWithParent(this.child)
    this.child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString('utf8')))
    this.child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString('utf8')))
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
  }

  /** One that runs until it is stopped: killed when the test ends, and what it said is shown if the test failed. */
  static start(
    t: TestContext,
    args: readonly string[],
    config: string,
    environment: NodeJS.ProcessEnv = {},
  ): EngineProcess {
    const engine = new EngineProcess(args, config, environment)
    t.after(async () => {
      const wasRunning = engine.isRunning
      const { code, signal } = await engine.kill('SIGKILL')
      if (!('passed' in t) || t.passed === true) return
      const state = wasRunning ? 'still running' : `ended with ${signal ?? code}`
      const said = engine.stderr.slice(-8000)
      process.stderr.write(`${t.name}: weir ${args.join(' ')}, ${state}, said last:\n${said}\n`)
    })
    return engine
  }

  get stderr(): string {
    return this.#stderr
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Memory that it has now, bytes. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }

  /** Resolves when stderr has the text. Rejects when the process ends without it. */
  async said(text: string): Promise<void> {
    while (!this.#stderr.includes(text)) {
      if (!this.isRunning) throw new Error(`expected "${text}" on stderr, found: ${this.#stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
