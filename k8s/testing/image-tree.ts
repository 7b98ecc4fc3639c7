// Executes a Dockerfile in plain folders, without a container engine: each stage is a folder that a step sees as its
// root. The base image is this machine's own Node, shells and libraries, mounted read-only. Needs root, for mounts.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { processEnvironment } from '../../engine/config.ts'
import { parseDockerfile, type Step } from './dockerfile.ts'

/** Why steps cannot be executed here; null when they can. */
export function obstacle(): string | null {
  if (process.getuid?.() !== 0) return 'expected to be root (for mounts), found another user'
  const hasNode = existsSync('/usr/bin/node') && existsSync('/usr/bin/npm')
  return hasNode ? null : 'expected node and npm in /usr/bin, for the base image'
}

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Stage {
  /** The folder that is its root. */
  readonly root: string
  environment: Readonly<Record<string, string>>
  workdir: string
  user: string
  entrypoint: readonly string[]
  command: readonly string[]
}

export class ImageTree {
  readonly #context: string
  readonly #folder: string
  readonly #stages = new Map<string, Stage>()
  #stage: Stage | null = null

  /** Executes every step. `context` is what is copied from; the trees grow below `folder`, which must be empty. */
  constructor(dockerfile: string, context: string, folder: string) {
    this.#context = context
    this.#folder = folder
    for (const step of parseDockerfile(dockerfile)) this.#execute(step)
  }

  /** The last stage's folder. */
  get root(): string {
    return this.#stage!.root
  }

  /**
   * Runs the image as Kubernetes would: its user, its environment and nothing of ours, its root read-only. `args`
   * replace CMD; `entrypoint` replaces ENTRYPOINT, as `command` of a container does.
   */
  run(args: readonly string[] | null, entrypoint: readonly string[] | null = null): Ended {
    const stage = this.#stage!
    const words = [...(entrypoint ?? stage.entrypoint), ...(args ?? stage.command)]
    return enter(stage, 'read-only', words)
  }

  #execute(step: Step): void {
    if (step.keyword === 'FROM') {
      const name = step.stage ?? String(this.#stages.size)
      this.#stage = beginStage(join(this.#folder, name))
      this.#stages.set(name, this.#stage)
      return
    }
    const stage = this.#stage!
    switch (step.keyword) {
      case 'WORKDIR':
        stage.workdir = posix.resolve(stage.workdir, step.text)
        mkdirSync(join(stage.root, stage.workdir), { recursive: true })
        return
      case 'USER':
        stage.user = step.text
        return
      case 'ENV':
        stage.environment = { ...stage.environment, [step.name]: step.value }
        return
      case 'COPY':
        this.#copy(stage, step)
        return
      case 'RUN': {
        const { status, stdout, stderr } = enter(stage, 'writable', ['/bin/sh', '-c', step.text])
        if (status !== 0)
          throw new Error(`RUN ${step.text}\nended with ${status}:\n${stdout}${stderr}`)
        return
      }
      case 'ENTRYPOINT':
        stage.entrypoint = step.words
        return
      case 'CMD':
        stage.command = step.words
    }
  }

  /** A folder's contents go into the target, a file to it, or into it where it is a folder. */
  #copy(stage: Stage, { from, sources, target }: Extract<Step, { keyword: 'COPY' }>): void {
    const origin = from === null ? this.#context : this.#stages.get(from)!.root
    const to = join(stage.root, posix.resolve(stage.workdir, target))
    for (const source of sources) {
      const path = join(origin, source)
      const isInto = statSync(path).isFile() && (target.endsWith('/') || sources.length > 1)
      const place = isInto ? join(to, basename(source)) : to
      mkdirSync(dirname(place), { recursive: true })
      cpSync(path, place, { recursive: true, verbatimSymlinks: true })
    }
  }
}

/** What the machine lends to a stage in place of a base image. All of /usr but /usr/local, which steps may write to. */
const lent = ['etc', 'usr/bin', 'usr/lib', 'usr/lib64', 'usr/sbin', 'usr/share']

function beginStage(root: string): Stage {
  for (const path of [...lent, 'dev', 'proc', 'root', 'tmp', 'usr/local/bin']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  for (const path of ['bin', 'lib', 'lib64', 'sbin']) symlinkSync(`usr/${path}`, join(root, path))
  chmodSync(join(root, 'tmp'), 0o1777)
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const environment = { PATH: path }
  return { root, environment, workdir: '/', user: '0:0', entrypoint: [], command: [] }
}

/** Mounts end with the process, since they are in a namespace of its own. $1: the root, $2: writable or read-only. */
const mounts = `set -eu
root=$1 access=$2
shift 2
mount --bind "$root" "$root"
for path in ${lent.join(' ')}; do mount --bind -o ro "/$path" "$root/$path"; done
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
if [ "$access" = writable ]; then mount --bind "$HOME" "$root/root"
else mount -o remount,bind,ro "$root"; fi
exec chroot "$@"`

/** How registries are reached from this machine: a step that builds may know it, the image never does. */
const networkVariables = /^((https?|no)_proxy|node_extra_ca_certs|npm_config_registry)$/i

function networkEnvironment(): Readonly<Record<string, string | undefined>> {
  const all = Object.entries(processEnvironment())
  return {
    HOME: '/root',
    ...Object.fromEntries(all.filter(([name]) => networkVariables.test(name))),
  }
}

/** While building, with the caller's home, where npm has its settings and cache; running, without it. */
function enter(stage: Stage, access: 'writable' | 'read-only', words: readonly string[]): Ended {
  const { root, environment, workdir, user } = stage
  const all = access === 'writable' ? { ...networkEnvironment(), ...environment } : environment
  const variables = Object.entries(all).map(([name, value]) => `${name}=${value}`)
  const inside = [`--userspec=${user}`, root, 'env', '-i', '-C', workdir, ...variables, ...words]
  const args = ['--mount', '--pid', '--fork', 'sh', '-c', mounts, 'sh', root, access, ...inside]
  const { status, stdout, stderr } = spawnSync('unshare', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  return { status, stdout, stderr }
}
