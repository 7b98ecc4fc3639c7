// What this machine lacks of what variants need, and what to do about it. It installs nothing.
import { availableParallelism } from 'node:os'
import { firstLine, installedVersion } from './machine.ts'
import type { Need, Variant } from './variant.ts'

/** By need: null where it is met, else what is missing and what to do. Looked up once each. */
export type Lacks = (need: Need) => string | null

/** Of this machine now. */
export function lacksOf(
  find: (program: string, args: readonly string[]) => string | null = firstLine,
  cores: number = availableParallelism(),
): Lacks {
  const known = new Map<Need, string | null>()
  return (need) => {
    const before = known.get(need)
    if (before !== undefined) return before
    const lack = need === 'two cores' ? lackOfCores(cores) : lackOfPrograms(programs[need], find)
    known.set(need, lack)
    return lack
  }
}

/** A variant that was not run, and why. */
export interface Skipped {
  readonly name: string
  readonly why: string
}

/** Those that can run here, and those that cannot. */
export function sortOut(
  variants: readonly Variant[],
  lacks: Lacks,
): { readonly able: readonly Variant[]; readonly skipped: readonly Skipped[] } {
  const able: Variant[] = []
  const skipped: Skipped[] = []
  for (const variant of variants) {
    const why = lacking(variant, lacks)
    if (why === null) able.push(variant)
    else skipped.push({ name: variant.name, why })
  }
  return { able, skipped }
}

/** All that a variant lacks here; null where it can run. */
export function lacking({ needs, packages = [] }: Variant, lacks: Lacks): string | null {
  const missing = packages.filter((name) => installedVersion(name) === null)
  const install =
    missing.length === 0
      ? []
      : [`${missing.join(' and ')} not installed: npm install ${missing.join(' ')}`]
  const all = [...needs.map(lacks).filter((lack) => lack !== null), ...install]
  return all.length === 0 ? null : all.join('; ')
}

interface Program {
  readonly name: string
  readonly args: readonly string[]
  readonly install: string
}

const compiler: Program = { name: 'javac', args: ['-version'], install: 'default-jdk-headless' }
const java: Program = { name: 'java', args: ['-version'], install: 'default-jre-headless' }
/** The jars of the broker and of the peers come through it. */
const maven: Program = { name: 'mvn', args: ['-v'], install: 'maven' }
const redis: Program = { name: 'redis-server', args: ['--version'], install: 'redis-server' }

const programs: Readonly<Record<Exclude<Need, 'two cores'>, readonly Program[]>> = {
  redis: [redis],
  kafka: [java, maven],
  java: [java, compiler, maven],
}

function lackOfPrograms(
  list: readonly Program[],
  find: (program: string, args: readonly string[]) => string | null,
): string | null {
  const missing = list.filter(({ name, args }) => find(name, args) === null)
  if (missing.length === 0) return null
  const names = missing.map(({ name }) => name).join(' and ')
  const install = missing.map((program) => program.install).join(' ')
  return `${names} not found in PATH: apt-get install --no-install-recommends ${install}`
}

function lackOfCores(cores: number): string | null {
  return cores >= 2
    ? null
    : 'two cores are needed and one is there: generator and engine would measure each other; give the process another (taskset, --cpus)'
}
