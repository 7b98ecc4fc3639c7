// How the folder of a model says what it is called: `cards-v2` is cards, version 2.
import { basename } from 'node:path'

export interface ModelName {
  readonly name: string
  readonly version: number
}

/** Null for a folder that is called otherwise. */
export function modelNameOf(folder: string): ModelName | null {
  const [, name, version] = /^([a-z][a-z0-9_]{0,47})-v([1-9]\d{0,5})$/.exec(basename(folder)) ?? []
  return name === undefined ? null : { name, version: Number(version) }
}
