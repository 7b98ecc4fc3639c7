// k8s/rendered/ is what the real kustomize makes of the sources. It needs kustomize, kubectl or Go: without them the test
// says that it did not run, and fails with CI=true.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { processEnvironment } from '../engine/config.ts'

test('the rendered files are what kustomize makes of the sources', (context) => {
  const script = fileURLToPath(import.meta.resolve('#root/k8s/render.sh'))
  const { status, stdout, stderr } = spawnSync('sh', [script, '--check'], { encoding: 'utf8' })
  if (status === 3 && processEnvironment()['CI'] !== 'true') {
    context.skip(stderr)
    return
  }
  assert.equal(status, 0, `${stdout}${stderr}`)
})
