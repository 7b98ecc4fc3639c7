// `weir init`: looks at a user's own file and writes a mapping, a catalog and weir.yaml for it, then tries them on the rows
// it looked at. Never overwrites unless told to, and never reads further than the head of the file.
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { compileCatalog } from '../../features/catalog.ts'
import { compileMapping, type Mapping } from '../../features/mapping.ts'
import { Plan } from '../../features/plan.ts'
import { type Reject, Transaction } from '../../features/transaction.ts'
import { shipped } from '../assemble.ts'
import { parseDocument, readDocument } from '../document.ts'
import { EngineError, oneLine } from '../errors.ts'
import { catalogText, type DeclaredFeature, mappingText, weirText } from '../init/documents.ts'
import type { Finding } from '../init/finding.ts'
import { type Guesses, guess } from '../init/guess.ts'
import { readSample, type Sample } from '../init/sample.ts'
import type { CommandLine, Context, Run } from './command.ts'
import { columns, count } from './text.ts'

export interface InitOptions {
  /** Absolute. */
  readonly input: string
  /** As it was typed, for advice. */
  readonly inputText: string
  /** Absolute; made where it does not exist. */
  readonly folder: string
}

const written = ['mapping.yaml', 'catalog.yaml', 'weir.yaml'] as const

export const initLine: CommandLine<InitOptions> = {
  name: 'init',
  summary: 'your own file → a commented weir.yaml, mapping and catalog for it',
  details:
    'Looks at the header and the first rows of a CSV or JSON lines file, guesses which column is the id, the time, the amount, ' +
    'the entities and the label, and tries the result on those rows. Each guess has its reason; what could not be guessed is ' +
    'marked, with what to do.',
  flags: [
    { form: '--input <file>', help: 'CSV with a header, or one JSON object a line' },
    { form: '--dir <folder>', help: 'where to write (default: the working folder)' },
    { form: '--force', help: 'overwrite what is there' },
  ],
  examples: ['weir init --input history.csv', 'weir init --input history.jsonl --dir fraud'],
  parse: (flags) => {
    const inputText = flags.text('--input') ?? ''
    const input = resolve(flags.folder, inputText)
    const folder = resolve(flags.folder, flags.text('--dir') ?? '.')
    if (!flags.has('--input')) flags.fault('--input', 'a CSV or JSON lines file', 'nothing')
    else if (statSync(input, { throwIfNoEntry: false })?.isFile() !== true) {
      flags.fault('--input', 'a file that exists', input)
    }
    const present = written.filter((name) => existsSync(join(folder, name)))
    if (present.length > 0 && !flags.has('--force')) {
      const expected = `a folder without ${present.join(', ')} (or --force to overwrite)`
      flags.fault('--dir', expected, folder)
    }
    return { input, inputText, folder }
  },
  // Which one depends on what was found: `run` says it.
  next: () => null,
}

/** What was found on stdout. Resolves to 1 where something that a mapping needs could not be guessed. */
export const runInit: Run<InitOptions> = async ({ input, inputText, folder }, context) => {
  const { stdout } = context
  const sample = await readSample(input)
  const guesses = guess(sample, inputText)
  const name = basename(input)
  const rows = sample.records.length
  const mapping = mappingText(guesses.findings, { name, rows, format: sample.format })
  const compiled = guesses.gaps.length > 0 ? null : compile(mapping)
  const catalog = makeCatalog(compiled)
  write(folder, { 'mapping.yaml': mapping, 'catalog.yaml': catalog, 'weir.yaml': weirText() })

  const all = sample.isWhole ? 'all' : 'the first'
  const head = `${name}: ${sample.format === 'csv' ? 'CSV' : 'JSON lines'}, ${sample.columns.length} columns; looked at ${all} ${count(rows)} rows`
  const wrote = `Wrote ${written.map((file) => shown(context, join(folder, file))).join(', ')}`
  stdout.write([head, '', ...table(guesses.findings), '', wrote, ''].join('\n'))
  if (compiled === null) {
    stdout.write(gapLines(guesses, context, folder, input).join('\n'))
    return 1
  }
  stdout.write(trialLines(tryRows(compiled, sample), rows).join('\n'))
  context.stderr.write(`next: ${replayCommand(context, folder, input)}\n`)
  return 0
}

function table(findings: readonly Finding[]): string[] {
  return columns(
    findings.map(({ key, columns: found, why, isGap }) => [
      `  ${key}`,
      isGap ? '?' : found.length === 0 ? '–' : cut(found.join(', '), 48),
      cut(why, 72),
    ]),
  )
}

function cut(text: string, most: number): string {
  const line = oneLine(text)
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`
}

function gapLines(
  { gaps }: Guesses,
  context: Context,
  folder: string,
  input: string,
): readonly string[] {
  const file = shown(context, join(folder, 'mapping.yaml'))
  return [
    '',
    `Not guessed: ${gaps.map(({ key }) => key).join(', ')}. ${file} marks each with >>> and is not complete without:`,
    ...gaps.flatMap(({ key, why, advice }) => [
      `  ${key}: ${why}`,
      ...advice.map((text) => `    ${text}`),
    ]),
    '',
    `Fill them in, and run: ${replayCommand(context, folder, input)} --limit 1000`,
    'It names every line that is still wrong. If you made a new file, run weir init on that, with --force.',
    '',
  ]
}

interface Trial {
  readonly parsed: number
  /** By reason: how many, and the first. */
  readonly rejects: ReadonlyMap<
    string,
    { count: number; readonly row: number; readonly reject: Reject }
  >
}

/** The engine's own parser over the rows of the sample. */
function tryRows(mapping: Mapping, sample: Sample): Trial {
  const parser = mapping.parser(mapping.needsHeader ? sample.columns : undefined)
  const { entities, fields } = mapping.schema
  const transaction = new Transaction(entities.length, fields.length)
  const rejects = new Map<string, { count: number; row: number; reject: Reject }>()
  for (const [index, record] of sample.records.entries()) {
    const reject = parser.parse(record, Number.NaN, transaction)
    if (reject === null) continue
    const known = rejects.get(reject.reason)
    if (known !== undefined) known.count++
    else rejects.set(reject.reason, { count: 1, row: index + 1, reject })
  }
  const rejected = [...rejects.values()].reduce((sum, { count: n }) => sum + n, 0)
  return { parsed: sample.records.length - rejected, rejects }
}

function trialLines({ parsed, rejects }: Trial, rows: number): string[] {
  const reasons = [...rejects].flatMap(([reason, { count: n, row, reject }]) => [
    `  ${reason}: ${count(n)}, such as row ${count(row)}: ${reject.field}: expected ${reject.expected}, found ${reject.found}`,
  ])
  return [`Tried: ${count(parsed)} of ${count(rows)} rows parse`, ...reasons, '']
}

/** The mapping that was written, or a defect of ours: a guess that does not compile. */
function compile(text: string): Mapping {
  return compileMapping(parseDocument('mapping.yaml', text))
}

function makeCatalog(mapping: Mapping | null): string {
  const document = readDocument(shipped.catalog)
  const { features } = document.value as { readonly features: readonly DeclaredFeature[] }
  const nothing = {
    entities: [],
    primary: 0,
    fields: [],
    hasLocation: false,
    hasLabel: false,
    kinds: [],
  }
  if (mapping === null) return catalogText(features, new Set(), nothing)
  const { absent } = new Plan(compileCatalog(document), mapping.schema)
  const text = catalogText(features, new Set(absent), mapping.schema)
  compileCatalog(parseDocument('catalog.yaml', text))
  return text
}

function write(folder: string, files: Readonly<Record<(typeof written)[number], string>>): void {
  try {
    mkdirSync(folder, { recursive: true })
    for (const name of written) writeFileSync(join(folder, name), files[name])
  } catch (cause) {
    throw new EngineError('output_unwritable', `writing to ${folder}`, { cause })
  }
}

/** As one would type it in the folder that was written to. */
function replayCommand({ folder: here }: Context, folder: string, input: string): string {
  const go = folder === here ? '' : `cd ${relative(here, folder)} && `
  return `${go}weir replay --input ${relative(folder, input)}`
}

function shown({ folder }: Context, file: string): string {
  return relative(folder, file)
}
