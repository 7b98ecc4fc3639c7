// The two works that the project's own figures are of, each with its documents and its transactions: `default` is the
// generator's traffic under the shipped catalog and model, `standard` the work that peers do as well (bench/standard/).
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AssemblyFiles, shipped } from '../../engine/assemble.ts'
import type { Message } from '../../engine/core/ports.ts'
import { writeStandard } from '../standard/standard.ts'
import { standardTransactions } from '../standard/transactions.ts'
import { makeMessages, toMessage } from '../workload.ts'

export const workNames = ['default', 'standard'] as const
export type WorkName = (typeof workNames)[number]

export interface Work {
  readonly files: AssemblyFiles & { readonly catalog: string }
  /** Of one partition, in the order of offsets. */
  readonly messages: readonly Message[]
}

/** Throws where there is no such work. Documents of the standard work lie in a folder of their own below the temporary one. */
export async function openWork(name: string, count: number): Promise<Work> {
  if (name === 'default') {
    const models = [{ folder: shipped.model, share: 0 }]
    return { files: { ...shipped, models, policy: null }, messages: makeMessages(count) }
  }
  if (name !== 'standard') {
    throw new Error(`expected one of ${workNames.join(', ')} as work, found ${name}`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-work-'))
  const { mapping, catalog, model } = await writeStandard(folder)
  const messages: Message[] = []
  for (const { json } of standardTransactions()) {
    if (messages.length === count) break
    messages.push(toMessage(json, messages.length))
  }
  const models = [{ folder: model, share: 0 }]
  return { files: { mapping, catalog, models, policy: null }, messages }
}
