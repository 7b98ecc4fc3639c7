// `weir model rollback`: writes down that the models of before decide again. Engines that watch the folder do the rest.
import { statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { EngineError } from '../errors.ts'
import {
  folderOf,
  lineupFileName,
  modelFolders,
  readLineup,
  rolledBack,
  writeLineup,
} from '../lineup/lineup-file.ts'
import type { CommandLine, Run } from './command.ts'

const folderArgument = '[folder]'

export interface RollbackOptions {
  /** Absolute. */
  readonly folder: string
}

export const rollbackLine: CommandLine<RollbackOptions> = {
  name: 'model rollback',
  summary: 'the models of before decide again',
  details:
    `Takes back the last change of a models folder's ${lineupFileName}. Engines that watch the folder (models_folder) change within a ` +
    'second, behind the batch at hand; where the models of before are refused, those of now stay and the log says why. Done twice, ' +
    'it goes back two changes.',
  argument: { form: folderArgument, help: 'the models folder (default: models_folder)' },
  flags: [],
  examples: ['weir model rollback /var/lib/weir/models'],
  parse: (flags, loaded) => {
    const text = flags.text(folderArgument)
    const folder =
      text === null ? (loaded?.config.modelsFolder ?? null) : resolve(flags.folder, text)
    if (folder === null)
      flags.fault(folderArgument, 'a models folder, or models_folder set', 'nothing')
    else if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      flags.fault(folderArgument, 'a folder that exists', folder)
    }
    return { folder: folder ?? '' }
  },
  next: () => null,
}

/** Resolves to 0; rejects with EngineError where there is nothing to go back to. */
export const runRollback: Run<RollbackOptions> = async ({ folder }, { stdout, folder: here }) => {
  const place = relative(here, folder) || '.'
  const now = readLineup(folder)
  if (now === null) {
    throw new EngineError('usage', `${place}: expected ${lineupFileName} in it, found none`)
  }
  const before = rolledBack(now)
  if (before === null) {
    throw new EngineError('usage', `${place}: expected a lineup before this one, found none`)
  }
  const known = modelFolders(folder)
  const missing = before.models.map(folderOf).filter((name) => !known.includes(name))
  if (missing.length > 0) {
    const expected = `the models of before in it, found none of ${missing.join(', ')}`
    throw new EngineError('usage', `${place}: expected ${expected}`)
  }
  await writeLineup(folder, before)
  stdout.write(`${place}: ${now.models.join(', ')} → ${before.models.join(', ')}\n`)
  return 0
}
