// Builds bench/peers/java with Maven into a cache of the user, once for each state of its sources. Nothing is written into the
// repository.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { processEnvironment } from '../../engine/config.ts'

const run = promisify(execFile)
const sources = fileURLToPath(import.meta.resolve('#root/bench/peers/java'))

/** A class path for Java with everything in it. Rejects with what to install. */
export async function peersClassPath(): Promise<string> {
  const cache = join(processEnvironment()['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'weir')
  const folder = join(cache, `peers-${hashOf(sources)}`)
  if (!existsSync(join(folder, 'complete'))) await build(cache, folder)
  return `${join(folder, 'target', 'classes')}:${join(folder, 'lib', '*')}`
}

async function build(cache: string, folder: string): Promise<void> {
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'build-'))
  try {
    cpSync(sources, work, { recursive: true })
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime']
    await run('mvn', ['-B', '-q', 'compile', ...copy, `-DoutputDirectory=${work}/lib`], {
      cwd: work,
      maxBuffer: 2 ** 26,
    }).catch((cause: unknown) => {
      throw new Error(
        'peers: expected Maven and a JDK of at least 17 that build bench/peers/java, found a failure: ' +
          `${(cause as Error).message.slice(0, 2000)}; on Debian apt-get install --no-install-recommends maven default-jdk-headless`,
        { cause },
      )
    })
    await writeFile(join(work, 'complete'), '')
    await rm(folder, { recursive: true, force: true })
    await rename(work, folder)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

function hashOf(folder: string): string {
  const hash = createHash('sha256')
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  for (const name of names.filter((one) => /\.(java|xml)$/.test(one))) {
    hash.update(name).update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex').slice(0, 16)
}
