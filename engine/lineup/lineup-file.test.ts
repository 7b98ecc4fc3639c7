// Claims about lineup.json: what it may say, all that is wrong with it at once, and how it goes back.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, test } from 'node:test'
import { DocumentError } from '../../features/document.ts'
import {
  type LineupFile,
  lineupFileName,
  modelFolders,
  readLineup,
  replaced,
  rolledBack,
  seatsOf,
  writeLineup,
} from './lineup-file.ts'
import { ModelsFolder } from './testing/models-folder.ts'

const folder = new ModelsFolder()
for (const name of ['cards-v3', 'cards-v4', 'trees-v1']) folder.make(name)
after(() => {
  folder.dispose()
})

test('a lineup that is written is read, and nothing else is left in the folder', async () => {
  assert.equal(readLineup(folder.path), null)
  const lineup = { models: ['cards-v4', 'trees-v1@2.5%'], before: [['cards-v3']] }
  await writeLineup(folder.path, lineup)
  assert.deepEqual(readLineup(folder.path), lineup)
  assert.deepEqual(
    readdirSync(folder.path).filter((name) => name.startsWith(lineupFileName)),
    [lineupFileName],
  )
  assert.deepEqual(
    seatsOf('/m', lineup.models).map(({ folder: from, share }) => [from, share]),
    [
      ['/m/cards-v4', 0],
      ['/m/trees-v1', 250],
    ],
  )
  assert.deepEqual(modelFolders(folder.path), ['cards-v3', 'cards-v4', 'trees-v1'])
})

test('what somebody else writes while models change is never overwritten', async () => {
  folder.write({ models: ['cards-v3'] })
  const theirs = { models: ['trees-v1'], before: [['cards-v3']] }
  const writing = writeLineup(folder.path, { models: ['cards-v4'], before: [] }, () => {
    folder.write(theirs)
    return Promise.resolve()
  })
  await assert.rejects(writing, /the lineup that was there when the change began/)
  assert.deepEqual(readLineup(folder.path), theirs)
})

test('what was replaced comes back in order, and no change is none', () => {
  let file: LineupFile | null = null
  for (const models of [['a'], ['b'], ['b'], ['c', 'b@5%']]) file = replaced(file, models)
  assert.deepEqual(file, { models: ['c', 'b@5%'], before: [['b'], ['a']] })
  const back = rolledBack(file)
  assert.deepEqual(back, { models: ['b'], before: [['a']] })
  assert.equal(rolledBack(rolledBack(back)!), null)
  for (let n = 0; n < 40; n++) file = replaced(file, [`m${n}`])
  assert.equal(file.before.length, 16)
})

/** Each lineup and what is said of it. */
const faults: readonly (readonly [unknown, ...string[]])[] = [
  ['{', ''],
  [{ models: [] }, 'models: expected a champion at least, found []'],
  [{ models: 'cards-v3' }, 'models: expected a list, found "cards-v3"'],
  [{ models: ['cards-v33'] }, 'did you mean cards-v3?'],
  [{ models: ['../cards-v3'] }, 'expected the name of a model folder'],
  [{ models: ['cards-v3', 'cards-v4@101%'] }, 'expected the name of a model folder'],
  [{ models: ['cards-v3', 'cards-v4@5'] }, 'models[1]: expected the name of a model folder'],
  [{ models: ['cards-v3', 'cards-v4@5@5%'] }, 'models[1]: expected the name of a model folder'],
  [{ models: ['cards-v3@5%'] }, 'a champion without a share'],
  [{ models: ['cards-v3', 'cards-v4@60%', 'trees-v1@50%'] }, 'shares of at most 100% together'],
  [{ models: ['cards-v3', 'cards-v3@5%'] }, 'each model once'],
  [{ models: Array.from({ length: 17 }, (_, n) => `m${n}`) }, 'at most 16 models'],
  [{ models: ['cards-v3'], befor: [] }, 'did you mean before?'],
  [{ models: ['nope-v1', '..'], extra: 1 }, 'extra', 'models[0]', 'models[1]'],
]

for (const [lineup, ...expected] of faults) {
  test(`refused, saying ${expected.join(' and ')}: ${JSON.stringify(lineup)}`, () => {
    folder.write(lineup)
    assert.throws(
      () => readLineup(folder.path),
      (error) => {
        assert.ok(error instanceof DocumentError)
        for (const part of expected) assert.ok(error.message.includes(part), error.message)
        return true
      },
    )
  })
}
