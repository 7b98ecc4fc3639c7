// Where a command reads transactions from: a file, a range of a topic, or the generator. Only the asking is here; the
// sources themselves are drivers'.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { show } from '../../features/document.ts'
import type { LoadedConfig } from '../config.ts'
import type { Flags } from './flags.ts'

/** One offset for every partition, or one each. */
export type Offsets = number | ReadonlyMap<number, number>

/** Where history comes from. */
export type Input =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'generator'; readonly seed: number }
  | {
      readonly kind: 'topic'
      readonly topic: string
      /** Null: the earliest. */
      readonly from: Offsets | null
      /** Exclusive; null: the end at start. */
      readonly to: Offsets | null
    }

/** `--input` with `--from`, `--to` and `--seed`; null when it was not given or is wrong. */
export function readInput(flags: Flags): Input | null {
  const text = flags.text('--input')
  const topic = text?.startsWith('kafka:') ? text.slice('kafka:'.length) : null
  const from = readOffsets(flags, '--from')
  const to = readOffsets(flags, '--to')
  for (const name of ['--from', '--to']) {
    if (flags.has(name) && topic === null) {
      flags.fault(name, 'it with --input kafka:<topic> only', text ?? 'no topic')
    }
  }
  if (flags.has('--seed') && text !== null && text !== 'generator') {
    flags.fault('--seed', 'it with --input generator only', text)
  }
  if (text === null) return null
  if (text === 'generator') return { kind: 'generator', seed: readSeed(flags) }
  if (topic !== null) return readTopic(flags, topic, from, to)
  const file = resolve(flags.folder, text)
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return { kind: 'file', file }
  flags.fault('--input', 'a file that exists, kafka:<topic> or generator', file)
  return null
}

/** `--seed`, 1 when it was not given. */
export function readSeed(flags: Flags): number {
  return flags.count('--seed', 0, 2 ** 32 - 1) ?? 1
}

/**
 * The history that replay and backfill read. A generator that never ends needs `--limit`; anything but the generator
 * needs a mapping; a topic needs brokers.
 */
export function historyInput(flags: Flags, loaded: LoadedConfig | null): Input {
  const input = readInput(flags)
  if (input === null) {
    if (!flags.has('--input')) {
      flags.fault('--input', 'a file, kafka:<topic> or generator', 'nothing')
    }
    return { kind: 'generator', seed: 1 }
  }
  if (input.kind === 'generator' && !flags.has('--limit')) {
    flags.fault('--limit', 'it with --input generator, which has no end', 'nothing')
  }
  if (loaded === null) return input
  const { source, kafka } = loaded.config
  if (input.kind !== 'generator' && source === null) {
    flags.fault('--map', 'the mapping of the input (or source in weir.yaml)', 'nothing')
  }
  if (input.kind === 'topic' && kafka.brokers.length === 0) {
    flags.fault('--input', 'brokers for a topic (KAFKA_BROKERS, or kafka.brokers)', 'none')
  }
  return input
}

/** Refuses an output that would overwrite the input, by whatever name. */
export function keepInput(
  flags: Flags,
  input: Input | null,
  name: string,
  output: string | null,
): void {
  if (input?.kind !== 'file' || output === null) return
  const [from, to] = [input.file, output].map((file) => statSync(file, { throwIfNoEntry: false }))
  if (from === undefined || to === undefined) return
  if (from.dev === to.dev && from.ino === to.ino) {
    flags.fault(name, 'another file than --input', output)
  }
}

function readTopic(
  flags: Flags,
  topic: string,
  from: Offsets | null,
  to: Offsets | null,
): Input | null {
  if (/^[A-Za-z0-9._-]{1,249}$/.test(topic)) return { kind: 'topic', topic, from, to }
  flags.fault('--input', 'the name of a topic after kafka:', show(topic))
  return null
}

/** `100`, or `0:100,1:250`. */
function readOffsets(flags: Flags, name: string): Offsets | null {
  const text = flags.text(name)
  if (text === null) return null
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const parts = text.split(',').map((part) => /^(\d{1,5}):(\d{1,15})$/.exec(part.trim()))
  const offsets = new Map<number, number>()
  for (const part of parts) {
    if (part !== null) offsets.set(Number(part[1]), Number(part[2]))
  }
  if (offsets.size === parts.length) return offsets
  flags.fault(name, 'an offset such as 100, or by partition 0:100,1:250, each once', show(text))
  return null
}
