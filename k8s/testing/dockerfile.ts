// Reads the part of the Dockerfile language that ours is written in, and refuses the rest: what is not read here would
// not be executed by image-tree.ts either.

export type Step =
  | { readonly keyword: 'FROM'; readonly image: string; readonly stage: string | null }
  | { readonly keyword: 'WORKDIR' | 'USER' | 'RUN'; readonly text: string }
  | { readonly keyword: 'ENV'; readonly name: string; readonly value: string }
  | {
      readonly keyword: 'COPY'
      /** A stage; null: the build context. */
      readonly from: string | null
      readonly sources: readonly string[]
      readonly target: string
    }
  | { readonly keyword: 'ENTRYPOINT' | 'CMD'; readonly words: readonly string[] }

/** Throws Error with the instruction that it does not know. */
export function parseDockerfile(text: string): Step[] {
  const whole = text.replaceAll(/^\s*#.*\n/gm, '').replaceAll(/\\\n/g, ' ')
  return whole
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .map(parseStep)
}

function parseStep(line: string): Step {
  const [keyword, ...words] = line.split(/\s+/)
  const rest = line.slice(keyword!.length).trim()
  switch (keyword) {
    case 'FROM': {
      const [image, as, stage] = words
      if (words.length === 1) return { keyword, image: image!, stage: null }
      if (words.length === 3 && as === 'AS') return { keyword, image: image!, stage: stage! }
      break
    }
    case 'WORKDIR':
    case 'USER':
    case 'RUN':
      if (!rest.startsWith('-') && !rest.startsWith('[')) return { keyword, text: rest }
      break
    case 'ENV': {
      const [, name, value] = /^(\w+)=([\w./:-]*)$/.exec(rest) ?? []
      if (name !== undefined && value !== undefined) return { keyword, name, value }
      break
    }
    case 'COPY': {
      const from = words[0]!.startsWith('--from=') ? words.shift()!.slice('--from='.length) : null
      const target = words.pop()
      if (words.length === 0 || words.some((word) => /^-|[*?]/.test(word))) break
      return { keyword, from, sources: words, target: target! }
    }
    case 'ENTRYPOINT':
    case 'CMD':
      if (rest.startsWith('[')) return { keyword, words: JSON.parse(rest) as string[] }
      break
    default:
  }
  const known =
    'FROM [AS], WORKDIR, USER, RUN, ENV name=value, COPY [--from], ENTRYPOINT [], CMD []'
  throw new Error(`Dockerfile: expected ${known}, found ${line}: teach k8s/testing/dockerfile.ts`)
}
