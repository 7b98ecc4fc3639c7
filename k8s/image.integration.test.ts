// The Dockerfile, executed step by step in plain folders since no container engine is there to build it, and what comes
// out of it run as Kubernetes runs it. Takes most of a minute. Without root the test says that it did not run, and fails
// with CI=true.
import assert from 'node:assert/strict'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { processEnvironment } from '../engine/config.ts'
import { ImageTree, obstacle } from './testing/image-tree.ts'

const reason = obstacle()
const isLeftOut = reason !== null && processEnvironment()['CI'] !== 'true'

describe('the image', { skip: isLeftOut && `did not run: ${reason}` }, () => {
  assert.equal(reason, null)
  const root = fileURLToPath(new URL('.', import.meta.resolve('#root/package.json')))
  const folder = mkdtempSync(join(tmpdir(), 'weir-image-'))
  after(() => {
    rmSync(folder, { recursive: true })
  })
  const image = new ImageTree(readFileSync(join(root, 'Dockerfile'), 'utf8'), root, folder)
  const files = readdirSync(join(image.root, 'app'), { recursive: true, encoding: 'utf8' })

  test('it says its version, and what it can do', () => {
    const text = readFileSync(join(root, 'package.json'), 'utf8')
    const { version } = JSON.parse(text) as { version: string }
    assert.equal(image.run(['--version']).stdout, `${version}\n`)
    assert.match(image.run(null).stdout, /^Usage: weir /)
  })

  test('it decides, with nothing to write to and as nobody in particular', () => {
    const where = image.run(['-c', 'id -u; touch /app/x /tmp/x'], ['sh'])
    assert.match(where.stdout, /^1000\n$/)
    assert.match(where.stderr, /\/app\/x.*Read-only file system\n.*\/tmp\/x.*Read-only/)
    const args = ['stream', '--input', 'generator', '--limit', '1000', '--decisions-out', '-']
    const { status, stdout, stderr } = image.run(args)
    assert.equal(status, 0, stderr)
    assert.ok(stdout.split('\n').filter((line) => line.includes('"outcome":')).length > 900)
  })

  test('it holds what runs and no more', (context) => {
    assert.ok(files.includes('dist/k8s/checkout.js'))
    const left = files.filter((file) => {
      return /(^|\/)testing\/|\.test\.|\.contract\.|^(engine|k8s|bench|docs)\//.test(file)
    })
    assert.deepEqual(
      left.filter((file) => !file.startsWith('node_modules/')),
      [],
    )
    const sizes = files.map((file) => {
      const stat = lstatSync(join(image.root, 'app', file))
      return stat.isFile() ? stat.size : 0
    })
    const mebibytes = sizes.reduce((sum, size) => sum + size, 0) / 2 ** 20
    context.diagnostic(`image content above its base: ${mebibytes.toFixed(0)} MiB`)
    const { platform, arch } = process
    const runtimes = files.filter((file) => file.endsWith('onnxruntime_binding.node'))
    assert.deepEqual(
      runtimes.map((file) => file.split('/').slice(-3, -1).join('/')),
      [`${platform}/${arch}`],
    )
  })
})
