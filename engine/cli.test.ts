// Claims about the command line: exit codes, one block of errors on stderr, results on stdout, help with an example.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, test } from 'node:test'
import { StoreError } from '../features/store/store.ts'
import { runCommandLine } from './cli.ts'
import { type Command, command, type Run, sharedFlags } from './commands/command.ts'
import { openLog } from './telemetry/log.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-cli-'))
after(() => {
  rmSync(folder, { recursive: true })
})
writeFileSync(join(folder, 'map.yaml'), '')
writeFileSync(join(folder, 'bad.yaml'), 'redis:\n  bucket: 1\n')

/** A command that counts: small enough to see through. */
function counting(run: Run<number>): Command {
  return command(
    {
      name: 'count',
      summary: 'a number → its successor',
      details: 'Counts.',
      flags: [
        { form: '--of <number>', help: 'the number' },
        { form: '--loud', help: 'shout' },
        sharedFlags.map,
      ],
      examples: ['weir count --of 1'],
      parse: (flags) => {
        if (flags.has('--loud')) flags.fault('--loud', 'quiet', 'noise')
        return flags.count('--of', 0, 10) ?? 0
      },
      next: (of) => (of === 3 ? null : `weir count --of ${of + 1}`),
    },
    run,
  )
}

const successor = counting((of, { stdout }) => {
  stdout.write(`${of + 1}\n`)
  return Promise.resolve(0)
})

async function run(argv: readonly string[], commands: readonly Command[] = [successor]) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const clock = { nowMs: () => 0, monotonicUs: () => 0 }
  const exitCode = await runCommandLine(argv, commands, {
    version: '1.2.3',
    environment: {},
    folder,
    stdout,
    stderr,
    isTerminal: false,
    clock,
    stop: new AbortController().signal,
    openLog: (level) => openLog(level, clock),
  })
  const textOf = (stream: PassThrough) => ((stream.read() as Buffer | null) ?? '').toString()
  return { exitCode, stdout: textOf(stdout), stderr: textOf(stderr) }
}

test('an option that takes a list may be given again, or have commas', async () => {
  const names = ['one.yaml', 'two.yaml'].map((name) => join(folder, name))
  for (const name of names) writeFileSync(name, '')
  let found: readonly string[] = []
  const listing = command(
    {
      name: 'list',
      summary: 'catalogs',
      details: 'Lists.',
      flags: [sharedFlags.catalog],
      examples: ['weir list'],
      parse: () => null,
      next: () => null,
    },
    (_, { loaded }) => {
      found = loaded.config.catalog
      return Promise.resolve(0)
    },
  )
  await run(['list', '--catalog', 'one.yaml', '--catalog', 'two.yaml'], [listing])
  assert.deepEqual(found, names)
  await run(['list', '--catalog', 'two.yaml,one.yaml'], [listing])
  assert.deepEqual(found, [...names].reverse())
})

test('a command that worked ends with 0, its result on stdout, the next command on stderr', async () => {
  const { exitCode, stdout, stderr } = await run(['count', '--of', '1'])
  assert.deepEqual([exitCode, stdout, stderr], [0, '2\n', 'next: weir count --of 2\n'])
  assert.equal((await run(['count', '--of', '3'])).stderr, '')
})

test('help has the flags and an example and ends with 0', async () => {
  const { exitCode, stdout } = await run(['count', '--help'])
  assert.equal(exitCode, 0)
  for (const text of [
    'a number → its successor',
    '--of <number>',
    '--config <file>',
    'weir count --of 1',
  ]) {
    assert.ok(stdout.includes(text), text)
  }
  const all = await run(['--help'])
  assert.equal(all.exitCode, 0)
  assert.match(all.stdout, /count .*a number → its successor/)
  assert.deepEqual([(await run(['--version'])).stdout, (await run([])).exitCode], ['1.2.3\n', 2])
})

test('what was asked wrongly ends with 2, in one block that says what helps', async () => {
  const { exitCode, stdout, stderr } = await run([
    'count',
    '--of',
    'x',
    '--loud',
    '--config',
    'bad.yaml',
  ])
  assert.equal(exitCode, 2)
  assert.equal(stdout, '')
  const [head, ...rest] = stderr.trimEnd().split('\n')
  assert.equal(head, 'weir count: asked wrongly')
  assert.equal(rest.length, 4, 'both flags, the configuration and the help are told together')
  assert.equal(rest[0], '  option --loud: expected quiet, found noise')
  assert.equal(rest[1], '  option --of: expected a whole number from 0 to 10, found "x"')
  assert.match(rest[2]!, /bad.yaml:2: redis.bucket: .*did you mean buckets/)
  assert.match(rest[3]!, /^ {2}usage: Correct the command line/)
})

test('an unknown command or option ends with 2 and names what was probably meant', async () => {
  const option = await run(['count', '--off', '1'])
  assert.equal(option.exitCode, 2)
  assert.match(
    option.stderr,
    /^weir: asked wrongly\n {2}unknown option '--off'\n {2}.Did you mean --of/,
  )
  const name = await run(['cuont'])
  assert.equal(name.exitCode, 2)
  assert.match(name.stderr, /Did you mean count/)
  assert.equal((await run(['count', 'extra'])).exitCode, 2)
  assert.equal((await run(['count', '--of'])).exitCode, 2)
})

test('an option that overrides a setting is checked as that setting', async () => {
  const seen = counting((_, { stdout, loaded }) => {
    stdout.write(`${loaded.config.source} by ${loaded.origins.get('source')}`)
    return Promise.resolve(0)
  })
  const { stdout } = await run(['count', '--map', 'map.yaml'], [seen])
  assert.equal(stdout, `${join(folder, 'map.yaml')} by option --map`)
  const { exitCode, stderr } = await run(['count', '--map', 'nowhere.yaml'], [seen])
  assert.equal(exitCode, 2)
  assert.match(stderr, /option --map: source: expected a file that exists, found .*nowhere.yaml/)
})

test('what ran and failed ends with 1, the chain as one sentence, and what helps', async () => {
  const cause = new Error('connect ECONNREFUSED 127.0.0.1:6379')
  const failing = counting(() => Promise.reject(new StoreError('connecting', true, cause)))
  const { exitCode, stderr } = await run(['count'], [failing])
  assert.equal(exitCode, 1)
  assert.match(
    stderr,
    /^weir count: failed\n {2}connecting: connect ECONNREFUSED 127.0.0.1:6379\n {2}store_unavailable: .*\n$/,
  )
})

test('a defect is called one, with its stack', async () => {
  const failing = counting(() => Promise.reject(new TypeError('x is not a function')))
  const { exitCode, stderr } = await run(['count'], [failing])
  assert.equal(exitCode, 1)
  assert.match(
    stderr,
    /unexpected: This is a defect of Weir.*\nTypeError: x is not a function\n {4}at /s,
  )
})

test('a command that found something amiss without failing keeps its exit code, and names nothing next', async () => {
  const { exitCode, stderr } = await run(['count'], [counting(() => Promise.resolve(1))])
  assert.deepEqual([exitCode, stderr], [1, ''])
})
