// What engines are given to do: the project's own transactions and catalog, or the standard work of the peers.
import { shipped } from '../../engine/assemble.ts'
import { writeStandard } from '../standard/standard.ts'
import type { Traffic } from './traffic.ts'
import type { WorkFiles } from './verification.ts'

export type WorkName = 'default' | 'standard'

export interface Work {
  readonly traffic: Traffic
  readonly files: WorkFiles
  /** Of a decision, about: the echo's outcomes are as long. */
  readonly decisionBytes: number
}

/** `history`: transactions that fill the windows. `folder`: an empty one, for what has to be written. */
export async function workOf(name: WorkName, history: number, folder: string): Promise<Work> {
  if (name === 'default') {
    return { traffic: { kind: 'default', history }, files: shipped, decisionBytes: 2100 }
  }
  return { traffic: { kind: 'standard' }, files: await writeStandard(folder), decisionBytes: 1900 }
}
