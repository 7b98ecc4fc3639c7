// The hooks of mutant-loader.ts, which Node runs in a thread of their own.
import type { InitializeHook, LoadHook } from 'node:module'

interface Change {
  readonly file: string
  readonly from: string
  readonly to: string
}

let change: Change | null = null

export const initialize: InitializeHook<Change> = (data) => {
  change = data
}

/** Throws where the text to change is not there once: then the mutant is not what it was. */
export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context)
  if (change === null || !url.endsWith(`/dist/${change.file}`)) return loaded
  const source = Buffer.from(loaded.source as Uint8Array).toString()
  const parts = source.split(change.from)
  if (parts.length !== 2) {
    throw new Error(
      `${change.file}: expected once, found ${parts.length - 1} times: ${change.from}`,
    )
  }
  return { ...loaded, source: parts.join(change.to) }
}
