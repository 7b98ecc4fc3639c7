// lineup.json: which folders of a models folder score, and which did before. Whoever changes it writes it whole, under another
// name first; an engine that watches it does the rest.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { closest, DocumentError, DocumentReader } from '../../features/document.ts'
import { readDocument } from '../document.ts'
import { checkSeats, readSeat, type SeatSetting, writeSeat } from '../setting.ts'

export const lineupFileName = 'lineup.json'

/** Entries are names of folders, the champion's first, a challenger's with its share behind it: `cards-v4@5%`. */
export interface LineupFile {
  readonly models: readonly string[]
  /** Lineups that were replaced, the last one first. */
  readonly before: readonly (readonly string[])[]
}

const beforeMax = 16

/** Null where there is none. Throws EngineError or DocumentError with all its faults. */
export function readLineup(folder: string): LineupFile | null {
  const file = join(folder, lineupFileName)
  if (!existsSync(file)) return null
  const document = readDocument(file)
  const reader = new DocumentReader(document)
  const root = reader.object(document.value, [], ['models', 'before']) ?? {}
  const models = readModels(reader, root['models'], ['models'])
  const known = modelFolders(folder)
  for (const [at, entry] of models.entries()) {
    const name = folderOf(entry)
    if (entry === '' || known.includes(name)) continue
    const near = closest(name, known)
    const hint = near === null ? null : `did you mean ${near}?`
    reader.fault(['models', at], `a model folder in ${folder}`, name, hint)
  }
  const before = root['before'] === undefined ? [] : reader.list(root['before'], ['before'])
  const lineup = {
    models,
    before: before.map((item, at) => readModels(reader, item, ['before', at])),
  }
  reader.finish()
  return lineup
}

/**
 * Writes it around `change`: where nothing can be written nothing is changed, and what is not changed is not written. Rejects
 * with what the file system throws, and DocumentError where somebody else wrote meanwhile: then the file is theirs.
 */
export async function writeLineup(
  folder: string,
  lineup: LineupFile,
  change: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const file = join(folder, lineupFileName)
  // Engines of other containers have the same number, and may have the same folder.
  const draft = `${file}.${hostname()}.${process.pid}.draft`
  const before = textOf(file)
  try {
    writeFileSync(draft, `${JSON.stringify(lineup, null, 1)}\n`)
    await change()
    if (textOf(file) !== before) throw overtaken(file)
    renameSync(draft, file)
  } finally {
    rmSync(draft, { force: true })
  }
}

function textOf(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

function overtaken(file: string): DocumentError {
  const expected = 'the lineup that was there when the change began'
  const hint = 'it is what counts: look at it, and ask again'
  return new DocumentError([{ file, line: 1, path: '', expected, found: 'another one', hint }])
}

/** With other models; those of now are the first to come back to. */
export function replaced(lineup: LineupFile | null, models: readonly string[]): LineupFile {
  if (lineup === null || lineup.models.length === 0) return { models, before: [] }
  if (same(lineup.models, models)) return lineup
  return { models, before: [lineup.models, ...lineup.before].slice(0, beforeMax) }
}

/** As it was before the last change; null where nothing was before. */
export function rolledBack({ before }: LineupFile): LineupFile | null {
  const [models, ...rest] = before
  return models === undefined ? null : { models, before: rest }
}

/** Folders and shares of entries that `readLineup` gave. */
export function seatsOf(folder: string, models: readonly string[]): SeatSetting[] {
  return models.map((entry) => readSeat(entry, folder)!)
}

/** The entry of a folder and its share, in hundredths of a percent. */
export function entryOf(name: string, share: number): string {
  return writeSeat({ folder: name, share })
}

export function folderOf(entry: string): string {
  return entry.split('@', 1)[0]!
}

/** Names of the folders in it that have a manifest, sorted. */
export function modelFolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => namePattern.test(name))
    .filter(({ name }) => existsSync(join(folder, name, 'manifest.json')))
    .map(({ name }) => name)
    .sort()
}

/** No separator, no dot in front, no @. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** '' for what is none; then there are faults. */
function readModels(
  reader: DocumentReader,
  value: unknown,
  path: readonly (string | number)[],
): string[] {
  const items = reader.list(value, path)
  const entries = items.map((item, at) => {
    const name = readSeat(item, '/')?.folder.slice(1) ?? ''
    if (namePattern.test(name) && folderOf(item as string) === name) return item as string
    const expected = 'the name of a model folder, a challenger with its share: cards-v4@5%'
    reader.fault([...path, at], expected, item)
    return ''
  })
  if (entries.includes('')) return entries
  if (Array.isArray(value) && items.length === 0) reader.fault(path, 'a champion at least', [])
  const seats = checkSeats(seatsOf('/', entries))
  if (!seats.ok) reader.fault(path, seats.expected, entries)
  return entries
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((entry, at) => entry === other[at])
}
