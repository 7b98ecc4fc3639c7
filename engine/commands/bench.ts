// `weir bench`: measures what decisions cost on this machine. The benchmarks are a process of their own, since nothing that
// decides may depend on them; here the command line is read and the process started, stopped and waited for.
import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../errors.ts'
import type { CommandLine, Context } from './command.ts'

export interface BenchOptions {
  /** Benchmarks, variants, or how their names begin; none means all. */
  readonly names: readonly string[]
  readonly isList: boolean
  /** 0 measures nothing and goes by what is kept. */
  readonly rounds: number
  readonly isQuick: boolean
  /** Absolute; null: beside the sources in a checkout, else `weir-bench` in the working folder. */
  readonly out: string | null
  /** A file, absolute, or a commit. */
  readonly compare: string | null
  readonly isJson: boolean
  /** Instead of measuring: hold the ledger against its budget, or write the budget anew. */
  readonly budget: 'check' | 'update' | null
}

const roundsUsual = 5
/** What `--check` has no use for. */
const measuringFlags = [
  '[name...]',
  '--list',
  '--rounds',
  '--quick',
  '--out',
  '--compare',
  '--json',
]

export const benchLine: CommandLine<BenchOptions> = {
  name: 'bench',
  summary: 'what decisions cost on this machine: CPU, bytes, round trips, latency',
  details:
    'Runs each variant in a process of its own, in rounds, and prints medians where the runs agree well enough for a claim; where they do not, it says so and prints the range. Starts Redis and Kafka itself, and leaves out what the machine lacks programs for. Raw values and RESULTS.md are kept in --out. docs/bench.md says how to read them.',
  argument: {
    form: '[name...]',
    help: 'benchmarks or variants, or how their names begin (default: all)',
  },
  flags: [
    { form: '--list', help: 'print the benchmarks, what they need and what they measure' },
    {
      form: '--rounds <count>',
      help: `runs of each variant (default: ${roundsUsual}); 0 goes by what is kept`,
    },
    { form: '--quick', help: 'one round of small sizes, to see that it works; nothing is kept' },
    {
      form: '--out <folder>',
      help: 'where results are kept (default: bench in a checkout, else weir-bench)',
    },
    {
      form: '--compare <base>',
      help: 'ratios to a results file, or to a commit whose results are kept',
    },
    { form: '--json', help: 'print raw values as JSON instead of tables' },
    {
      form: '--check',
      help: 'hold what a decision costs against bench/ledger/budget.json, no more',
    },
    { form: '--update', help: 'beside --check: write that budget anew instead' },
  ],
  examples: [
    'weir bench --list',
    'weir bench pipeline store/batches-of-16',
    'weir bench pipeline --compare 19e04c8',
    'weir bench --check',
  ],
  parse: (flags) => {
    const rounds = flags.count('--rounds', 0, 1000)
    const isQuick = flags.has('--quick')
    const compare = flags.text('--compare')
    const out = flags.text('--out')
    if (isQuick && flags.has('--rounds')) flags.fault('--rounds', 'no --quick beside it', '--quick')
    if (isQuick && compare !== null) {
      flags.fault('--compare', 'several rounds of full size to compare', '--quick')
    }
    const outFolder = out === null ? null : resolve(flags.folder, out)
    if (
      outFolder !== null &&
      statSync(outFolder, { throwIfNoEntry: false })?.isDirectory() === false
    ) {
      flags.fault('--out', 'a folder', outFolder)
    }
    const isCheck = flags.has('--check')
    if (flags.has('--update') && !isCheck) flags.fault('--update', '--check beside it', 'none')
    for (const other of isCheck ? measuringFlags : []) {
      if (flags.has(other)) flags.fault(other, 'no --check beside it', '--check')
    }
    const file = compare === null ? null : resolve(flags.folder, compare)
    return {
      names: flags.text('[name...]')?.split(',') ?? [],
      isList: flags.has('--list'),
      rounds: isQuick ? 1 : (rounds ?? roundsUsual),
      isQuick,
      out: outFolder,
      compare: file !== null && existsSync(file) ? file : compare,
      isJson: flags.has('--json'),
      budget: !isCheck ? null : flags.has('--update') ? 'update' : 'check',
    }
  },
  next: ({ names, isList, isQuick }) => {
    if (isList) return 'weir bench pipeline'
    return isQuick ? ['weir bench', ...names].join(' ') : null
  },
}

export function runBench(options: BenchOptions, context: Context): Promise<number> {
  return runScript(options.budget === null ? 'main' : 'ledger/check', options, context)
}

/**
 * Runs dist/bench/<script>.js with the options as its only argument, its output being ours. Resolves to its exit code. It is
 * told to stop when we are, and ends with us.
 */
export async function runScript(
  script: string,
  options: unknown,
  context: Context,
): Promise<number> {
  const path = fileURLToPath(new URL(`../../bench/${script}.js`, import.meta.url))
  if (!existsSync(path)) {
    throw new EngineError(
      'file_unreadable',
      `expected the benchmarks at ${path}, found nothing: an image leaves them out, a clone or the package has them`,
    )
  }
  const { folder, stop } = context
  const child = spawn(process.execPath, [path, JSON.stringify(options)], {
    cwd: folder,
    stdio: 'inherit',
  })
  const end = (): void => void child.kill('SIGTERM')
  stop.addEventListener('abort', end, { once: true })
  process.once('exit', end)
  try {
    return await new Promise((done, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => {
        done(code ?? 1)
      })
    })
  } finally {
    stop.removeEventListener('abort', end)
    process.removeListener('exit', end)
  }
}
