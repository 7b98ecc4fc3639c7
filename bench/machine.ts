// What a result was measured on and with: the machine, the versions, the commit. It changes nothing and never fails: what
// cannot be found out is left out.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Machine, Versions } from './results.ts'

/** The repository, or the installed package. */
export const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))

/** True where sources and history are, so that results can be kept beside them. */
export const isCheckout = existsSync(join(root, '.git')) && existsSync(join(root, 'bench/suite.ts'))

export function describeMachine(): Machine {
  const [first] = cpus()
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  }
}

/** The commit, `-dirty` where files differ from it; in an installed package its version. */
export function describeCommit(): string {
  const commit = isCheckout ? firstLine('git', ['rev-parse', '--short', 'HEAD']) : null
  if (commit === null) return `v${packageVersion(root)}`
  // What a run itself leaves is no change of what is measured.
  const own = ['results', 'plots', 'RESULTS.md'].map((name) => `:!bench/${name}`)
  const status = firstLine('git', ['status', '--porcelain', '-uno', '--', '.', ...own])
  return status === '' ? commit : `${commit}-dirty`
}

/** The commit that a name such as a branch stands for, in full; null where it is none. */
export function resolveCommit(name: string): string | null {
  return isCheckout ? firstLine('git', ['rev-parse', '--verify', '-q', `${name}^{commit}`]) : null
}

const packages = ['onnxruntime-node', 'ioredis', 'kafkajs', '@platformatic/kafka', 'tinybench']

/** Of the packages and programs that are there. */
export function describeVersions(): Versions {
  const redis = firstLine('redis-server', ['--version'])
  const java = firstLine('java', ['--version'])
  const found: [string, string | null][] = [
    ['redis-server', redis === null ? null : (/v=(\S+)/.exec(redis)?.[1] ?? redis)],
    ['java', java === null ? null : (/\d+(\.\d+)*/.exec(java)?.[0] ?? java)],
    ...packages.map((name): [string, string | null] => [name, installedVersion(name)]),
  ]
  return Object.fromEntries(found.filter((pair): pair is [string, string] => pair[1] !== null))
}

/** Standard output's first line; null where the program is missing or fails. */
export function firstLine(program: string, args: readonly string[]): string | null {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    const text = execFileSync(program, [...args], { cwd: root, stdio, encoding: 'utf8' })
    return text.split('\n')[0]!.trim()
  } catch {
    return null
  }
}

/** Null where it is not installed. A package may lie beside this one, where this one is installed itself. */
export function installedVersion(name: string): string | null {
  const folders = [join(root, 'node_modules', name), join(root, '..', name)]
  const folder = folders.find((one) => existsSync(join(one, 'package.json')))
  return folder === undefined ? null : packageVersion(folder)
}

function packageVersion(folder: string): string {
  const text = readFileSync(join(folder, 'package.json'), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
