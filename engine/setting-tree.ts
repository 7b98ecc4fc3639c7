// A table of settings and how one finds its way in it: sections, the names of the file, the environment variables.
import type { Setting } from './setting.ts'

/** Settings and sections of settings. */
export interface SettingTree {
  readonly [key: string]: Setting<unknown> | SettingTree
}

/** What a table becomes once it is read. */
export type ValuesOf<T> =
  T extends Setting<infer V> ? V : { readonly [K in keyof T]: ValuesOf<T[K]> }

/** A setting and where it stands: `kafka.commit_interval`. */
export interface PlacedSetting {
  readonly setting: Setting<unknown>
  /** Keys of the table, e.g. `kafka`, `commitIntervalMs`. */
  readonly keys: readonly string[]
  /** Names in the file, e.g. `kafka`, `commit_interval`. */
  readonly names: readonly string[]
  /** The environment variable that overrides it. */
  readonly environment: string
}

/** Every setting of a table, in its order. */
export function placedSettings(tree: SettingTree, above?: PlacedParent): PlacedSetting[] {
  const { keys, names } = above ?? { keys: [], names: [] }
  return Object.entries(tree).flatMap(([key, node]) => {
    const here = { keys: [...keys, key], names: [...names, nameOf(key, node)] }
    if (!isSetting(node)) return placedSettings(node, here)
    const environment = node.environment ?? `WEIR_${here.names.join('_').toUpperCase()}`
    return [{ setting: node, ...here, environment }]
  })
}

interface PlacedParent {
  readonly keys: readonly string[]
  readonly names: readonly string[]
}

export function isSetting(node: Setting<unknown> | SettingTree): node is Setting<unknown> {
  return typeof node['read'] === 'function'
}

/** The name of a table's key in the file: snake_case unless the setting says otherwise. */
export function nameOf(key: string, node: Setting<unknown> | SettingTree): string {
  const own = isSetting(node) ? node.name : null
  return own ?? key.replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)
}
