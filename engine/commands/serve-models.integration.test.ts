// A sidecar whose models change while it is called: every call is answered in time by one model, what was refused changes
// nothing, and what was is back within a second.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ModelsFolder } from '../lineup/testing/models-folder.ts'
import { freePort, SidecarProcess } from '../testing/sidecar-process.ts'

interface Decision {
  readonly model: { readonly name: string; readonly version: number }
  readonly rung: string
  readonly scores?: readonly { readonly name: string; readonly score: number | null }[]
  readonly evidence: readonly { readonly code: string; readonly contribution: number }[]
}

const main = fileURLToPath(import.meta.resolve('#root/dist/engine/main.js'))
const folder = new ModelsFolder()
let sidecar: SidecarProcess
let adminPort: number
let asked = 0

before(async () => {
  for (const name of ['a', 'b', 'c']) folder.make(name)
  folder.makeBroken('bad')
  folder.write({ models: ['a'] })
  adminPort = await freePort()
  const more = { models_folder: folder.path, admin: { port: adminPort } }
  sidecar = await SidecarProcess.start({ more })
})

after(async () => {
  await sidecar.stop()
  folder.dispose()
})

async function decide(): Promise<Decision> {
  const { status, body } = await sidecar.ask({ id: `t${asked++}` })
  assert.equal(status, 200, body)
  return JSON.parse(body) as Decision
}

async function admin(method: string, path: string, body?: object): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
    method,
    headers,
    ...content,
  })
  await response.text()
  return response.status
}

/** Resolves once a model decides; how many calls that took does not matter. */
async function decidedBy(name: string): Promise<Decision> {
  for (;;) {
    const decision = await decide()
    if (decision.model.name === name) return decision
  }
}

describe('a sidecar whose models change', { timeout: 120_000 }, () => {
  it('answers every call by one model, and by the new one once the change is confirmed', async () => {
    let isOver = false
    const seen = new Set<string>()
    const caller = async (): Promise<void> => {
      while (!isOver) {
        const { model, rung, scores } = await decide()
        assert.equal(rung, 'full')
        assert.equal(scores, undefined)
        seen.add(model.name)
      }
    }
    const callers = [caller(), caller(), caller(), caller()]
    for (const name of ['b', 'c', 'a', 'c', 'b', 'a', 'b']) {
      assert.equal(await admin('POST', `/admin/models/${name}`), 200)
      assert.equal((await decide()).model.name, name)
    }
    isOver = true
    await Promise.all(callers)
    assert.deepEqual([...seen].sort(), ['a', 'b', 'c'])
  })

  it('keeps the model that decides where the new one is refused, and says so', async () => {
    assert.equal(await admin('POST', '/admin/models/bad'), 422)
    assert.equal((await decide()).model.name, 'b')
    assert.match(sidecar.stderr, /models refused: none changed/)
    assert.match(sidecar.stderr, /golden row 0/)
  })

  it('gives the scores of a challenger beside the champion’s, then lets it decide for all', async () => {
    assert.equal(await admin('POST', '/admin/models/c', { role: 'challenger' }), 200)
    const { model, scores } = await decide()
    assert.equal(model.name, 'b')
    assert.deepEqual(
      scores?.map(({ name }) => name),
      ['b', 'c'],
    )
    assert.equal(scores[0]?.score, scores[1]?.score)
    assert.equal(await admin('POST', '/admin/models/c', { role: 'challenger', percent: 100 }), 200)
    assert.equal((await decide()).model.name, 'c')
    assert.equal(await admin('DELETE', '/admin/models/c'), 200)
    assert.equal((await decide()).model.name, 'b')
  })

  it('follows weir model rollback, and a lineup that is written into the folder', async () => {
    folder.write({ models: ['a'], before: [['c']] })
    await decidedBy('a')
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, [main, 'model', 'rollback', folder.path])
    assert.match(stdout, /a → c/)
    await decidedBy('c')
    assert.deepEqual(folder.read(), { models: ['c'], before: [] })
    const again = run(process.execPath, [main, 'model', 'rollback', folder.path])
    await assert.rejects(again, /expected a lineup before this one, found none/)
    folder.write({ models: ['c'], before: [['gone']] })
    const gone = run(process.execPath, [main, 'model', 'rollback', folder.path])
    await assert.rejects(gone, /expected the models of before in it, found none of gone/)
  })

  it('says why a call was denied, with what each reason added', async () => {
    const decision = await decide()
    assert.ok(decision.evidence.length > 0)
    for (const { code, contribution } of decision.evidence) {
      assert.ok(contribution > 0, code)
    }
  })
})
