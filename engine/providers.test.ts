// Execution providers as a deployment meets them: missing, half installed, and one that is no GPU but answers like one. Each
// run is a process of its own, since the libraries that a provider finds are settled when a process begins.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { processEnvironment } from './config.ts'

const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
const folder = mkdtempSync(join(tmpdir(), 'weir-providers-'))
after(() => {
  rmSync(folder, { recursive: true })
})

interface Decided {
  readonly stderr: string
  readonly scorers: readonly string[]
  readonly scores: readonly number[]
}

interface DecisionPart {
  readonly type: string
  readonly score: number
  readonly engine: { readonly scorer: string }
}

/** Replays a few generated transactions with these providers, by the Weir that is installed in `home`: trees would not need any. */
function decide(
  providers: string,
  home: string = root,
  environment: Readonly<Record<string, string>> = {},
): Decided {
  const out = join(folder, 'decisions.jsonl')
  const network = join(home, 'models/default-v2')
  const input = ['--input', 'generator', '--limit', '300']
  const flags = [...input, '--model', network, '--decisions-out', out]
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(home, 'dist/engine/main.js'), 'replay', ...flags],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...processEnvironment(), WEIR_SCORING_PROVIDERS: providers, ...environment },
    },
  )
  assert.equal(status, 0, stderr)
  const decisions = readFileSync(out, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DecisionPart)
    .filter(({ type }) => type === 'decision')
  return {
    stderr,
    scorers: [...new Set(decisions.map(({ engine }) => engine.scorer))],
    scores: decisions.map(({ score }) => score),
  }
}

/** What the log says of providers: `cuda: failed to load`. Each provider once. */
function warnings(stderr: string): string[] {
  const lines = stderr.split('\n').filter((line) => line.includes('a provider does not run'))
  return lines.map((line) => {
    const { provider, failure } = JSON.parse(line) as { provider: string; failure: string }
    return `${provider}: ${failure}`
  })
}

const notLoaded = {
  cuda: 'cuda: OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
  tensorrt:
    'tensorrt: OrtSessionOptionsAppendExecutionProvider_TensorRT: Failed to load shared library',
}
const isLinux = process.platform === 'linux' && process.arch === 'x64'
const onCpu = decide('cpu')

test('by default a network runs on cpu, and nothing is said of it', () => {
  assert.deepEqual(onCpu.scorers, ['cpu'])
  assert.deepEqual(warnings(onCpu.stderr), [])
})

test('GPU providers that are not installed are told once each, and the next one scores', {
  skip: isLinux ? false : 'another system has other providers',
}, () => {
  const { stderr, scorers, scores } = decide('tensorrt,cuda,cpu')
  assert.deepEqual(scorers, ['cpu'])
  assert.deepEqual(scores, onCpu.scores)
  assert.deepEqual(warnings(stderr), [notLoaded.tensorrt, notLoaded.cuda])
})

describe('a provider that is half installed', {
  skip: isLinux ? false : 'written for Linux',
}, () => {
  const home = join(folder, 'home')
  const ort = join(home, 'node_modules/onnxruntime-node')
  const libraries = join(ort, 'bin/napi-v6/linux/x64')
  const library = (name: string): string => join(libraries, `libonnxruntime_providers_${name}.so`)

  /** This Weir with a copy of the runtime, so that libraries can be laid beside it. */
  function install(): void {
    if (existsSync(home)) return
    mkdirSync(join(home, 'node_modules'), { recursive: true })
    for (const name of ['package.json', 'dist', 'features', 'models']) {
      cpSync(join(root, name), join(home, name), { recursive: true })
    }
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name === 'onnxruntime-node') continue
      symlinkSync(join(root, 'node_modules', name), join(home, 'node_modules', name))
    }
    const source = join(root, 'node_modules/onnxruntime-node')
    for (const name of ['package.json', 'dist', 'lib', 'bin/napi-v6/linux/x64']) {
      mkdirSync(dirname(join(ort, name)), { recursive: true })
      cpSync(join(source, name), join(ort, name), { recursive: true })
    }
  }

  test('with a library that was cut off, is left for the next one', () => {
    install()
    writeFileSync(library('shared'), '\x7fELF')
    writeFileSync(library('cuda'), '\x7fELF')
    const { stderr, scorers, scores } = decide('cuda,cpu', home)
    assert.deepEqual(scorers, ['cpu'])
    assert.deepEqual(scores, onCpu.scores)
    assert.deepEqual(warnings(stderr), [notLoaded.cuda])
    assert.match(stderr, /libonnxruntime_providers_shared\.so: file too short/)
  })

  test('without the libraries that it needs, is left too; the runtime names the missing one', {
    skip: spawnSync('gcc', ['--version']).error ? 'gcc is not installed' : false,
  }, () => {
    install()
    const build = (out: string, source: string, ...flags: string[]): void => {
      writeFileSync(join(folder, 'part.c'), source)
      const all = ['-shared', '-fPIC', '-o', out, join(folder, 'part.c'), ...flags]
      const { status, stderr } = spawnSync('gcc', all, { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
    }
    const needed = join(folder, 'libcudart_not_here.so')
    build(needed, 'void needed(void) {}', '-Wl,-soname,libcudart_not_here.so')
    build(
      library('shared'),
      'static void *host; void Provider_SetHost(void *p) { host = p; } void *Provider_GetHost(void) { return host; }',
    )
    const calling = 'void needed(void); void *GetProvider(void) { needed(); return 0; }'
    build(library('cuda'), calling, needed)
    rmSync(needed)
    const { stderr, scorers, scores } = decide('cuda,cpu', home)
    assert.deepEqual(scorers, ['cpu'])
    assert.deepEqual(scores, onCpu.scores)
    assert.deepEqual(warnings(stderr), [notLoaded.cuda])
    assert.match(stderr, /libcudart_not_here\.so: cannot open shared object file/)
  })
})

/** SwiftShader: Vulkan on the processor, in Debian's chromium. It also takes libvulkan1. */
const driver = '/usr/lib/chromium/vk_swiftshader_icd.json'
const lacksVulkan = existsSync(driver)
  ? false
  : `no ${driver} (apt-get install chromium libvulkan1)`

test('webgpu gives the scores of cpu within 1e-6, and says that it gave them', {
  skip: lacksVulkan,
}, () => {
  const { stderr, scorers, scores } = decide('webgpu,cpu', root, { VK_ICD_FILENAMES: driver })
  assert.deepEqual(scorers, ['webgpu'], stderr)
  assert.equal(scores.length, onCpu.scores.length)
  for (const [at, score] of scores.entries()) {
    // Both were rounded to 1e-6.
    const difference = Math.abs(score - onCpu.scores[at]!)
    assert.ok(difference < 1.5e-6, `decision ${at}: ${score}, on cpu ${onCpu.scores[at]!}`)
  }
})

test('webgpu without an adapter is told, and the next one scores', {
  skip: isLinux ? false : 'another system has an adapter of its own',
}, () => {
  const none = join(folder, 'no-driver.json')
  const { stderr, scorers, scores } = decide('webgpu,cpu', root, { VK_ICD_FILENAMES: none })
  assert.deepEqual(scorers, ['cpu'])
  assert.deepEqual(scores, onCpu.scores)
  assert.match(warnings(stderr).join('\n'), /^webgpu: .*adapter/is)
})
