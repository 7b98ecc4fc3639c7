// Runs one test of a built file in a process of its own, with a mutant or without.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const built = fileURLToPath(new URL('../..', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** `mutant`: its index, null for the right engine. */
export function runTest(file: string, title: string, mutant: number | null): Promise<Ended> {
  const pattern = `^${title.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`
  const args = ['--test-reporter=tap', `--test-name-pattern=/${pattern}/`, file]
  if (mutant !== null) args.unshift('--import', './features/testing/mutant-loader.js')
  // Else the child would report to the runner of this test.
  const env = { ...process.env, WEIR_MUTANT: String(mutant), NODE_TEST_CONTEXT: undefined }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: built, env })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, output })
    })
  })
}
