// Claims about the admin listener and the watched folder: what they change, what they refuse and how, and that the file says
// what decides.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Lineup } from '../core/lineup.ts'
import { defaultPolicy } from '../core/policy.ts'
import type { Log } from '../core/ports.ts'
import { Admin } from './admin.ts'
import { admit } from './admission.ts'
import { lineupFileName } from './lineup-file.ts'
import { Swapper } from './swapper.ts'
import { ModelsFolder, shippedDefinitions } from './testing/models-folder.ts'
import { manifestHash, WatchedFolder } from './watched-folder.ts'

const quiet: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const terms = { definitions: shippedDefinitions, providers: ['cpu'], rowMax: 16 }

let folder: ModelsFolder
let swapper: Swapper
let admin: Admin
let lineup: Lineup
let decided: () => void

beforeEach(async () => {
  folder = new ModelsFolder()
  decided = () => undefined
  const say = (): void => {
    decided()
  }
  const log: Log = { info: say, warn: say, error: say }
  const model = await admit(folder.make('a'), terms)
  lineup = {
    seats: [{ model, policy: defaultPolicy(model.thresholds), share: 0 }],
    cohortEntity: 0,
  }
  const engine = {
    swap: (next: Lineup): Promise<void> => {
      lineup = next
      return Promise.resolve()
    },
  }
  swapper = new Swapper({
    engine,
    lineup,
    folders: [`${folder.path}/a`],
    admit: (from) => admit(from, terms),
    hashOf: manifestHash,
    policyOf: (suggested) => defaultPolicy(suggested),
    log,
  })
  admin = await Admin.open({ port: 0, folder: folder.path, swapper, seats: () => [] })
})

afterEach(async () => {
  await admin.close()
  await Promise.all((await swapper.close()).map((model) => model.close()))
  folder.dispose()
})

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  { headers = {}, port = admin.port } = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const deciding = (): string[] =>
  lineup.seats.map(({ model, share }) => `${model!.name}${share > 0 ? `@${share / 100}%` : ''}`)

describe('the admin listener', () => {
  it('puts a model of the folder into the champion’s seat, writes it down, and rolls back', async () => {
    folder.make('b')
    const placed = await ask('POST', '/admin/models/b')
    assert.equal(placed.status, 200, JSON.stringify(placed.body))
    assert.deepEqual(deciding(), ['b'])
    assert.deepEqual(folder.read(), { models: ['b'], before: [['a']] })
    assert.equal((await ask('POST', '/admin/rollback')).status, 200)
    assert.deepEqual(deciding(), ['a'])
    assert.deepEqual(folder.read(), { models: ['a'], before: [] })
    const { status, body } = await ask('POST', '/admin/rollback')
    assert.equal(status, 409)
    assert.match(JSON.stringify(body), /a lineup before this one/)
  })

  it('puts challengers beside the champion, changes their share, takes them out', async () => {
    folder.make('b')
    await ask('POST', '/admin/models/b', { role: 'challenger', percent: 2.5 })
    assert.deepEqual(deciding(), ['a', 'b@2.5%'])
    await ask('POST', '/admin/models/b', { role: 'challenger', percent: 50 })
    assert.deepEqual(deciding(), ['a', 'b@50%'])
    await ask('POST', '/admin/models/b', { role: 'challenger' })
    assert.deepEqual(deciding(), ['a', 'b'])
    await ask('DELETE', '/admin/models/b')
    assert.deepEqual(deciding(), ['a'])
  })

  it('says why a model is refused, and nothing changes', async () => {
    folder.makeBroken('bad')
    const { status, body } = await ask('POST', '/admin/models/bad')
    assert.equal(status, 422)
    assert.match(JSON.stringify(body), /golden row 0/)
    assert.deepEqual(deciding(), ['a'])
    assert.throws(() => folder.read(), 'nothing was written')
  })

  const refused: readonly (readonly [string, string, unknown, number, RegExp])[] = [
    ['POST', '/admin/models/none', {}, 404, /"expected":"one of a","found":"none"/],
    ['POST', '/admin/models/..%2Fa', {}, 404, /POST or DELETE/],
    ['POST', '/admin/models/a', '{', 400, /JSON/],
    ['POST', '/admin/models/a', [], 400, /role and percent/],
    ['POST', '/admin/models/a', { rôle: 'champion' }, 400, /role and percent only/],
    ['POST', '/admin/models/a', { role: 'king' }, 400, /champion or challenger/],
    ['POST', '/admin/models/a', { role: 'challenger', percent: 101 }, 400, /percentage/],
    ['POST', '/admin/models/a', { role: 'challenger', percent: '5' }, 400, /percentage/],
    ['POST', '/admin/models/a', { role: 'challenger', percent: 0.001 }, 400, /two decimals/],
    ['POST', '/admin/models/a', { percent: 5 }, 400, /no share of a champion/],
    ['POST', '/admin/models/a', { role: 'challenger' }, 409, /another model to be made champion/],
    ['POST', '/admin/models/a', `"${'x'.repeat(5000)}"`, 413, /at most 4096 bytes/],
    ['DELETE', '/admin/models/a', undefined, 409, /replaced, not removed/],
    ['DELETE', '/admin/models/b', undefined, 404, /one of a/],
    ['PUT', '/admin/models/a', {}, 405, /POST or DELETE/],
    ['POST', '/admin/models', {}, 405, /GET/],
    ['GET', '/admin/rollback', undefined, 405, /POST/],
    ['GET', '/metrics', undefined, 404, /admin/],
  ]
  for (const [method, path, body, status, text] of refused) {
    it(`answers ${status} to ${method} ${path} ${JSON.stringify(body ?? '').slice(0, 40)}`, async () => {
      folder.write({ models: ['a'] })
      const answer = await ask(method, path, body)
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.match(JSON.stringify(answer.body), text)
      assert.deepEqual(deciding(), ['a'])
    })
  }

  it('makes a challenger of nobody where the champion cannot be written down', async () => {
    const stray = new ModelsFolder()
    stray.make('b')
    const parts = { port: 0, folder: stray.path, swapper, seats: () => [] }
    const beside = await Admin.open(parts)
    try {
      const { status, body } = await ask(
        'POST',
        '/admin/models/b',
        { role: 'challenger', percent: 5 },
        { port: beside.port },
      )
      assert.equal(status, 409)
      assert.match(JSON.stringify(body), /first a champion of the models folder/)
      assert.deepEqual(deciding(), ['a'])
      assert.throws(() => stray.read(), 'nothing was written')
    } finally {
      await beside.close()
      stray.dispose()
    }
  })

  it('changes nothing where it cannot write it down', async () => {
    // The paths of models are as long as paths may be; that of a draft is longer.
    const deep = new ModelsFolder()
    const path = `${deep.path}/${`${'d'.repeat(250)}/`.repeat(20)}`.slice(0, 4076)
    cpSync(deep.make('b'), join(path, 'b'), { recursive: true })
    const beside = await Admin.open({ port: 0, folder: path, swapper, seats: () => [] })
    try {
      const answer = await ask('POST', '/admin/models/b', {}, { port: beside.port })
      assert.equal(answer.status, 500, JSON.stringify(answer.body))
      assert.match(JSON.stringify(answer.body), /ENAMETOOLONG/)
      assert.deepEqual(deciding(), ['a'])
    } finally {
      await beside.close()
      deep.dispose()
    }
  })

  it('lives on where a request ends in the middle of its body', async () => {
    const socket = connect(admin.port, '127.0.0.1')
    const head = 'POST /admin/models/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{'
    await new Promise<void>((resolve) =>
      socket.write(head, () => {
        resolve()
      }),
    )
    await ask('GET', '/admin/models')
    socket.destroy()
    await once(socket, 'close')
    assert.equal((await ask('GET', '/admin/models')).status, 200)
  })

  it('says what is wrong with a lineup that is broken, or a folder that is gone, also who only looks', async () => {
    folder.write('{')
    assert.equal((await ask('GET', '/admin/models')).status, 422)
    folder.dispose()
    const { status, body } = await ask('GET', '/admin/models')
    assert.equal(status, 500)
    assert.match(JSON.stringify(body), /ENOENT/)
  })

  it('writes down nothing that is asked for while the engine stops', async () => {
    folder.make('b')
    const first = ask('POST', '/admin/models/b')
    await swapper.close()
    const { status, body } = await first
    assert.equal(status, 500)
    assert.match(JSON.stringify(body), /the engine stops/)
    assert.throws(() => folder.read(), 'nothing was written')
  })

  it('takes nothing from a browser', async () => {
    const headers = { origin: 'http://localhost:3000' }
    assert.equal((await ask('POST', '/admin/models/a', {}, { headers })).status, 403)
    const plain = { 'content-type': 'text/plain' }
    assert.equal((await ask('POST', '/admin/models/a', {}, { headers: plain })).status, 415)
  })
})

describe('a watched folder', () => {
  /** Resolves when the log says something. */
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      decided = resolve
    })

  it('does what its lineup.json says, and what it says again', async (t) => {
    const watched = new WatchedFolder(folder.path, swapper, quiet)
    t.after(() => watched.close())
    folder.make('b')
    const swapped = next()
    folder.write({ models: ['b', 'a@10%'] })
    await swapped
    assert.deepEqual(deciding(), ['b', 'a@10%'])
    const again = next()
    folder.make('b', { version: 7 })
    await again
    assert.equal(lineup.seats[0]!.model!.version, 7)
  })

  it('tries a model again when the file that it lacked is there, or one is replaced under the same date', async (t) => {
    const watched = new WatchedFolder(folder.path, swapper, quiet)
    t.after(() => watched.close())
    /** As archives do that are made to be the same each time. */
    const date = (name: string): void => {
      const from = join(folder.path, name)
      for (const file of readdirSync(from)) utimesSync(join(from, file), 1e9, 1e9)
    }
    const golden = join(folder.make('b'), 'golden.json')
    date('b')
    renameSync(golden, `${golden}.later`)
    const refused = next()
    folder.write({ models: ['b'] })
    await refused
    assert.deepEqual(deciding(), ['a'])
    const swapped = next()
    renameSync(`${golden}.later`, golden)
    await swapped
    assert.deepEqual(deciding(), ['b'])
    const again = next()
    folder.make('b', { version: 2 })
    date('b')
    await again
    assert.equal(lineup.seats[0]!.model!.version, 2)
  })

  it('outlives everything that may become of it, and follows it once it is back', async (t) => {
    const watched = new WatchedFolder(folder.path, swapper, quiet)
    t.after(() => watched.close())
    const file = join(folder.path, lineupFileName)
    folder.make('b')
    symlinkSync(lineupFileName, file)
    watched.look()
    rmSync(file)
    mkdirSync(file)
    watched.look()
    rmSync(file, { recursive: true })
    renameSync(folder.path, `${folder.path}-away`)
    watched.look()
    assert.deepEqual(deciding(), ['a'])
    // As a mounted volume changes: behind a link.
    const swapped = next()
    symlinkSync(`${folder.path}-away`, folder.path)
    t.after(() => {
      rmSync(`${folder.path}-away`, { recursive: true })
    })
    folder.write({ models: ['b'] })
    await swapped
    assert.deepEqual(deciding(), ['b'])
  })

  it('keeps what decides where the file is broken or its model refused, and says so once', async (t) => {
    const errors: string[] = []
    let told = (): void => undefined
    const log: Log = {
      info: () => undefined,
      warn: () => undefined,
      error: (_, message) => {
        errors.push(message)
        told()
      },
    }
    const watched = new WatchedFolder(folder.path, swapper, log)
    t.after(() => watched.close())
    const error = new Promise<void>((resolve) => {
      told = resolve
    })
    folder.write('{ "models": [')
    await error
    watched.look()
    watched.look()
    assert.equal(errors.length, 1)
    folder.makeBroken('bad')
    const refused = next()
    folder.write({ models: ['bad'] })
    await refused
    assert.deepEqual(deciding(), ['a'])
    assert.equal(swapper.stats.refusals, 1)
  })
})
