// Loads the configuration: defaults, then weir.yaml, then the environment, then options of the command line. The only
// reader of process.env. All faults are found together, at start; the result is frozen.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { closest, type Document, DocumentError, type Fault, show } from '../features/document.ts'
import { readDocument } from './document.ts'
import { EngineError } from './errors.ts'
import type { Setting } from './setting.ts'
import {
  isSetting,
  nameOf,
  type PlacedSetting,
  placedSettings,
  type SettingTree,
  type ValuesOf,
} from './setting-tree.ts'
import { settings } from './settings.ts'

/** Every setting, by section; durations in ms, sizes in bytes, paths absolute. Frozen. */
export type Config = ValuesOf<typeof settings>

export type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigSources {
  /** `--config`; null: WEIR_CONFIG, else weir.yaml of `folder` where there is one. */
  readonly file?: string | null
  readonly environment?: Environment
  /** What relative paths of options and the environment are relative to. */
  readonly folder?: string
  /** Options of the command line by the setting's path in the file, e.g. `source`: `{ option: '--map', value }`. */
  readonly options?: Readonly<Record<string, OptionValue>>
}

export interface OptionValue {
  readonly option: string
  readonly value: string
}

export interface LoadedConfig {
  readonly config: Config
  /** The file that was read; null without one. */
  readonly file: string | null
  /** What set each setting that does not stand at its default, e.g. `redis.url`: `environment variable REDIS_URL`. */
  readonly origins: ReadonlyMap<string, string>
  /** Things that are not wrong and probably not meant. */
  readonly warnings: readonly string[]
}

/** The process's own environment: for handing on, since nothing else may read it. */
export function processEnvironment(): Environment {
  return process.env
}

/** Throws DocumentError with every fault, EngineError when a file that was asked for cannot be read. */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const environment = sources.environment ?? process.env
  const folder = sources.folder ?? process.cwd()
  const file = configFile(sources.file ?? null, environment, folder)
  const document = file === null ? null : readDocument(file)
  const loader = new Loader(document, environment, folder, sources.options ?? {})
  const config = loader.load()
  const warnings = environmentWarnings(environment, loader.placed)
  return { config, file, origins: loader.origins, warnings }
}

/** Sixteen bytes for hashing ids. A development key is only given where nothing real is stored under it. */
export interface HashKey {
  readonly bytes: Uint8Array
  readonly isDevelopment: boolean
}

/**
 * The deployment's key: sixteen bytes as they are, longer keys by their SHA-256's first sixteen. Without one: the
 * development key where `isDevelopmentAllowed` (embedded, replay; the caller must warn), else EngineError.
 */
export function hashKeyOf(config: Config, isDevelopmentAllowed: boolean): HashKey {
  const hex = config.hashKey ?? (config.hashKeyFile === null ? null : readKey(config.hashKeyFile))
  if (hex === null) {
    if (isDevelopmentAllowed) return { bytes: Buffer.from(developmentKey), isDevelopment: true }
    throw new EngineError('hash_key_missing', 'no hash key is set, and ids are stored only hashed')
  }
  const bytes = Buffer.from(hex, 'hex')
  const key = bytes.length === 16 ? bytes : createHash('sha256').update(bytes).digest()
  return { bytes: new Uint8Array(key.subarray(0, 16)), isDevelopment: false }
}

/** The configuration as YAML with the origin of each setting, secrets masked. */
export function printConfig({ config, origins }: LoadedConfig): string {
  const lines: string[] = []
  const section = (
    tree: SettingTree,
    values: Readonly<Record<string, unknown>>,
    names: string[],
  ) => {
    for (const [key, node] of Object.entries(tree)) {
      const here = [...names, nameOf(key, node)]
      const indent = '  '.repeat(names.length)
      if (isSetting(node)) {
        const origin = origins.get(here.join('.')) ?? 'default'
        lines.push(
          `${indent}${here.at(-1)}: ${JSON.stringify(node.write(values[key]))} # ${origin}`,
        )
      } else {
        lines.push(`${indent}${here.at(-1)}:`)
        section(node, values[key] as Readonly<Record<string, unknown>>, here)
      }
    }
  }
  section(settings, config, [])
  return `${lines.join('\n')}\n`
}

/** The configuration as an object with the names of the file, secrets masked: for the log. */
export function maskedConfig({ config }: LoadedConfig): Record<string, unknown> {
  const section = (
    tree: SettingTree,
    values: Readonly<Record<string, unknown>>,
  ): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(tree).map(([key, node]) => [
        nameOf(key, node),
        isSetting(node)
          ? node.write(values[key])
          : section(node, values[key] as Readonly<Record<string, unknown>>),
      ]),
    )
  return section(settings, config)
}

/** Not secret, and only for what lives and dies with one process. */
const developmentKey = 'weir-development'

function readKey(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new EngineError('file_unreadable', 'reading the hash key', { cause: error })
  }
  if (settings.hashKey.read(text, '').ok) return text
  const expected = settings.hashKey.range ?? ''
  throw new EngineError('hash_key_missing', `${file}: expected ${expected}, found something else`)
}

function configFile(asked: string | null, environment: Environment, folder: string): string | null {
  const named = asked ?? environment['WEIR_CONFIG'] ?? null
  if (named !== null && named !== '') return resolve(folder, named)
  const usual = resolve(folder, 'weir.yaml')
  return existsSync(usual) ? usual : null
}

/** A raw value and where it was found. */
interface Found {
  readonly raw: unknown
  readonly folder: string
  /** As faults and `printConfig` name it; the line is 0 outside a file. */
  readonly place: string
  readonly line: number
  readonly origin: string
}

class Loader {
  readonly placed: readonly PlacedSetting[] = placedSettings(settings)
  readonly origins = new Map<string, string>()
  readonly #faults: Fault[] = []
  readonly #found = new Map<string, Found>()
  readonly #document: Document | null
  readonly #environment: Environment
  readonly #folder: string
  readonly #options: Readonly<Record<string, OptionValue>>

  constructor(
    document: Document | null,
    environment: Environment,
    folder: string,
    options: Readonly<Record<string, OptionValue>>,
  ) {
    this.#document = document
    this.#environment = environment
    this.#folder = folder
    this.#options = options
  }

  load(): Config {
    if (this.#document !== null) this.#readSection(settings, this.#document.value, [])
    for (const placed of this.placed) this.#readOverrides(placed)
    const config = freeze(this.#values(settings, [])) as Config
    this.#checkTogether(config)
    if (this.#faults.length > 0) {
      // By line; those outside the file, which have none, last.
      const order = ({ line }: Fault) => (line === 0 ? Number.MAX_SAFE_INTEGER : line)
      throw new DocumentError(this.#faults.sort((a, b) => order(a) - order(b)))
    }
    return config
  }

  /** Notes what the file sets, and what it sets that does not exist. An empty value leaves the default. */
  #readSection(tree: SettingTree, value: unknown, names: readonly string[]): void {
    if (value === null || value === undefined) return
    const document = this.#document!
    const known = new Map(Object.entries(tree).map(([key, node]) => [nameOf(key, node), node]))
    const line = document.lineOf(names)
    if (typeof value !== 'object' || Array.isArray(value)) {
      const expected = `a section with ${[...known.keys()].join(', ')}`
      this.#fault({ place: document.file, line }, names, expected, show(value), null)
      return
    }
    for (const [name, raw] of Object.entries(value)) {
      const here = [...names, name]
      const place = { place: document.file, line: document.lineOf(here) }
      const node = known.get(name)
      if (node === undefined) {
        const expected = `one of ${[...known.keys()].join(', ')}`
        this.#fault(place, here, expected, name, this.#meant(name, [...known.keys()]))
      } else if (!isSetting(node)) {
        this.#readSection(node, raw, here)
      } else if (raw !== null) {
        const origin = `${document.file}:${place.line}`
        this.#found.set(here.join('.'), { raw, folder: dirname(document.file), origin, ...place })
      }
    }
  }

  #readOverrides({ names, environment }: PlacedSetting): void {
    const path = names.join('.')
    const text = this.#environment[environment]
    if (text !== undefined && text !== '') {
      const place = `environment variable ${environment}`
      this.#found.set(path, { raw: text, folder: this.#folder, place, line: 0, origin: place })
    }
    const given = this.#options[path]
    if (given !== undefined) {
      const place = `option ${given.option}`
      this.#found.set(path, {
        raw: given.value,
        folder: this.#folder,
        place,
        line: 0,
        origin: place,
      })
    }
  }

  #values(tree: SettingTree, names: readonly string[]): Record<string, unknown> {
    const values: Record<string, unknown> = {}
    for (const [key, node] of Object.entries(tree)) {
      const here = [...names, nameOf(key, node)]
      values[key] = isSetting(node) ? this.#value(node, here) : this.#values(node, here)
    }
    return values
  }

  #value(setting: Setting<unknown>, names: readonly string[]): unknown {
    const found = this.#found.get(names.join('.'))
    if (found === undefined) return setting.initial
    const reading = setting.read(found.raw, found.folder)
    if (!reading.ok) {
      const shown = setting.isSecret ? 'something else' : show(setting.mask(found.raw))
      this.#fault(found, names, reading.expected, shown, reading.hint)
      return setting.initial
    }
    this.origins.set(names.join('.'), found.origin)
    this.#checkTarget(setting, reading.value, found, names)
    return reading.value
  }

  /** A path must lead to what it is for: better said now, with its line, than later. */
  #checkTarget(
    setting: Setting<unknown>,
    value: unknown,
    found: Found,
    names: readonly string[],
  ): void {
    const { target } = setting
    if (target === null) return
    for (const path of setting.paths(value)) {
      const stat = statSync(path, { throwIfNoEntry: false })
      const isFine = target === 'file' ? stat?.isFile() : stat?.isDirectory()
      if (isFine !== true) this.#fault(found, names, `a ${target} that exists`, path, null)
    }
  }

  /** Settings that are each right and do not go together. */
  #checkTogether({ kafka }: Config): void {
    const topics = [kafka.transactions, kafka.decisions, kafka.deadLetters]
    if (new Set(topics).size < topics.length) {
      this.#faultOf('kafka.decisions', 'three different topics', topics.join(', '))
    }
    const { mechanism, username, password } = kafka.sasl
    if (mechanism !== 'none' && (username === '' || password === null)) {
      this.#faultOf('kafka.sasl.mechanism', 'username and password with it', mechanism)
    }
    if ((kafka.ssl.certificate === null) !== (kafka.ssl.key === null)) {
      this.#faultOf('kafka.ssl.certificate', 'certificate and key together', 'one of them')
    }
  }

  #faultOf(path: string, expected: string, found: string): void {
    const place = this.#found.get(path) ?? { place: this.#document?.file ?? 'defaults', line: 0 }
    this.#fault(place, path.split('.'), expected, found, null)
  }

  #fault(
    { place, line }: Pick<Found, 'place' | 'line'>,
    names: readonly string[],
    expected: string,
    found: string,
    hint: string | null,
  ): void {
    const path = names.length === 0 ? '(document)' : names.join('.')
    this.#faults.push({ file: place, line, path, expected, found, hint })
  }

  /** The name that was probably meant: here, or in another section. */
  #meant(name: string, here: readonly string[]): string | null {
    const near = closest(name, here)
    if (near !== null) return `did you mean ${near}?`
    const elsewhere = this.placed.find(({ names }) => names.at(-1) === name)
    return elsewhere === undefined ? null : `did you mean ${elsewhere.names.join('.')}?`
  }
}

/**
 * Names of the environment that are nearly ours. Only a warning: Kubernetes sets WEIR_… variables of its own for every
 * Service whose name begins with weir.
 */
function environmentWarnings(
  environment: Environment,
  placed: readonly PlacedSetting[],
): readonly string[] {
  const known = [...placed.map((one) => one.environment), 'WEIR_CONFIG']
  const warnings: string[] = []
  for (const name of Object.keys(environment).sort()) {
    if (!name.startsWith('WEIR_') || known.includes(name)) continue
    const near = closest(
      name.slice(5),
      known.map((one) => one.replace('WEIR_', '')),
    )
    if (near !== null && Math.abs(near.length - (name.length - 5)) <= 2) {
      const meant = known.find((one) => one.replace('WEIR_', '') === near)
      warnings.push(`environment variable ${name} is no setting; did you mean ${meant}?`)
    }
  }
  return warnings
}

function freeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) freeze(part)
    Object.freeze(value)
  }
  return value
}
