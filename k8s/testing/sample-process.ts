// The sample payment service as a process, for tests: listening, and paid at over HTTP as a shop would.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../../engine/testing/child.ts'

const root = (path: string) => fileURLToPath(import.meta.resolve(`#root/${path}`))
/** The bytes of k8s/sample-charge.json. */
export const sampleCharge = readFileSync(root('k8s/sample-charge.json'))

export class SampleProcess {
  readonly child: ChildProcess
  readonly url: string

  private constructor(child: ChildProcess, url: string) {
    this.child = child
    this.url = url
  }

  /** One that asks Weir at `socket`, and waits for it at most `answerMsMax`. */
  static async start(socket: string, answerMsMax: number): Promise<SampleProcess> {
    const options = ['--port', '0', '--weir', socket, '--answer-ms-max', String(answerMsMax)]
    const child = spawn(process.execPath, [root('dist/k8s/checkout.js'), ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    endWithParent(child)
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const port = /\d+/.exec(line.toString('utf8'))
    assert.ok(port, line.toString('utf8'))
    return new SampleProcess(child, `http://127.0.0.1:${port[0]}`)
  }

  /** Status and body of the charge. */
  async pay(body: Uint8Array | string = sampleCharge): Promise<[number, unknown]> {
    const response = await fetch(`${this.url}/charges`, { method: 'POST', body })
    return [response.status, await response.json()]
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }
}
