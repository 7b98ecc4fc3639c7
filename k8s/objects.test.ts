// What is deployed, as kustomize rendered it: objects that Kubernetes knows, whose names lead somewhere, in pods that
// may do nothing but their work. Never asks a cluster.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { IContainer } from 'kubernetes-models/v1'
import { loadConfig } from '../engine/config.ts'
import { parseObjects, podsOf, readRendering, renderings } from './testing/objects.ts'
import { danglingReferences } from './testing/references.ts'
import { fieldFaults, schemaFaults } from './testing/schemas.ts'

/** What NVIDIA's device plugin calls its resource. */
const gpu = 'nvidia.com/gpu'
const base = parseObjects(readRendering('base'))
const dev = readRendering('dev')

/** Dev with one thing changed. */
function changed(from: RegExp, to: string) {
  assert.ok(from.test(dev), `${from} changes nothing`)
  return parseObjects(dev.replace(from, to))
}

for (const name of renderings) {
  const objects = parseObjects(readRendering(name))
  const pods = podsOf(objects)
  const containers = pods.flatMap((pod) => pod.containers)

  describe(name, () => {
    test('Kubernetes knows every object, every field and every value', async () => {
      assert.ok(objects.length >= 9, `${objects.length} objects`)
      assert.deepEqual([...(await schemaFaults(objects)), ...fieldFaults(objects)], [])
    })

    test('every pod runs as somebody, without a token, and says which system calls it makes', () => {
      for (const { name, spec } of pods) {
        assert.equal(spec.automountServiceAccountToken, false, name)
        assert.equal(spec.securityContext?.runAsNonRoot, true, name)
        assert.ok(spec.securityContext.runAsUser! > 0, name)
        assert.equal(spec.securityContext.seccompProfile?.type, 'RuntimeDefault', name)
        assert.ok(!spec.hostNetwork && !spec.hostPID && !spec.hostIPC, name)
        assert.ok(
          (spec.volumes ?? []).every((volume) => !volume.hostPath),
          name,
        )
      }
    })

    test('every container gains no privilege, writes nothing to its root, and has no capability', () => {
      for (const { name, securityContext } of containers) {
        const expected = {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        }
        assert.deepEqual(securityContext, expected, name)
      }
    })

    test('every container has requests and limits of processor and memory', () => {
      for (const { name, resources } of containers) {
        const { requests, limits } = resources ?? {}
        for (const part of [requests, limits]) {
          const kinds = Object.keys(part ?? {}).filter((kind) => kind !== gpu)
          assert.deepEqual(kinds.sort(), ['cpu', 'memory'], name)
        }
      }
    })

    test('every container is asked whether it lives and whether it is ready; Weir in its own words', () => {
      for (const container of containers) {
        const { name, livenessProbe, readinessProbe } = container
        assert.equal(livenessProbe?.httpGet?.path, '/healthz', name)
        assert.equal(
          readinessProbe?.httpGet?.path,
          isWeir(container) ? '/readyz' : '/healthz',
          name,
        )
      }
    })

    test('every pod has time to drain: 10 s for Weir, after what is waited before', () => {
      for (const { name, spec, containers } of pods) {
        const waits = containers.map(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds ?? 0)
        const drainsS = 10 * containers.length
        assert.ok(spec.terminationGracePeriodSeconds! >= Math.max(...waits) + drainsS, name)
      }
    })

    test('every Deployment is spread over nodes and has a disruption budget', () => {
      const budgets = objects.filter(({ kind }) => kind === 'PodDisruptionBudget')
      assert.equal(budgets.length, pods.length)
      for (const { name, spec } of pods) {
        assert.equal(spec.topologySpreadConstraints?.length, 1, name)
      }
    })

    test('every image is of this version', () => {
      const path = fileURLToPath(import.meta.resolve('#root/package.json'))
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
      assert.deepEqual([...new Set(containers.map(({ image }) => image))], [`weir:${version}`])
    })
  })
}

test('base refers to one object that it does not make: the Secret with the hash key', () => {
  assert.deepEqual(danglingReferences(base), [
    'Deployment checkout, weir: no Secret weir-hash-key',
    'Deployment weir-stream, weir: no Secret weir-hash-key',
  ])
  assert.ok(base.every(({ kind }) => kind !== 'Secret'))
})

test('in dev every reference is answered, the hash key by a sample', () => {
  assert.deepEqual(danglingReferences(parseObjects(dev)), [])
})

test('with GPUs the stream alone asks for one, on nodes that have some, and falls back to the processor', () => {
  const pods = podsOf(parseObjects(readRendering('gpu')))
  const asking = pods.filter((pod) => pod.containers.some((one) => one.resources?.limits?.[gpu]))
  assert.deepEqual(
    asking.map(({ name }) => name),
    ['Deployment weir-stream'],
  )
  const { spec, containers } = asking[0]!
  assert.deepEqual(spec.nodeSelector, { [`${gpu}.present`]: 'true' })
  assert.deepEqual(
    spec.tolerations?.map(({ key }) => key),
    [gpu],
  )
  const set = (containers[0]!.env ?? []).flatMap(({ name, value }) =>
    value ? [[name, value]] : [],
  )
  const environment = Object.fromEntries(set) as Record<string, string>
  const { scoring } = loadConfig({ environment: { ...environment, WEIR_CONFIG: '' } }).config
  assert.deepEqual(scoring, { providers: ['cuda', 'cpu'], batchMax: 256 })
})

test('the sidecar starts before the sample and stops after it', () => {
  const { spec } = podsOf(base).find(({ name }) => name === 'Deployment checkout')!
  assert.deepEqual(
    spec.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
    [['weir', 'Always']],
  )
  assert.ok(spec.initContainers[0]!.startupProbe, 'the sample would start before Weir listens')
})

/** What is changed, where it is first found, into what; and what is then said. */
const unanswered: readonly (readonly [string, RegExp, string, RegExp])[] = [
  ['a ConfigMap', /name: weir-addresses-\w+/, 'name: other', /weir: no ConfigMap weir-addresses-/],
  ['a mounted ConfigMap', /name: weir-config-\w+/, 'name: other', /t: no ConfigMap weir-config-/],
  ['a key', /key: hash-key/, 'key: hash', /weir: no key hash in Secret weir-hash-key-/],
  ['a mount', /(run\/weir\n +name:) socket/, '$1 sockets', /checkout: no volume sockets/],
  ['a volume', /(etc\/weir\n +name:) config/, '$1 socket', /t: nothing mounts the volume config/],
  ['a probe', /port: http-weir/, 'port: weir', /weir: no port weir for livenessProbe/],
  [
    'a Service',
    /targetPort: http/,
    'targetPort: web',
    /Service checkout: no port web in every pod/,
  ],
  ['a scraped port', /targetPort: 8080/, 'targetPort: 9090', /no port 9090 in every pod/],
  ['a network policy', /- port: 3000/, '- port: 3001', /NetworkPolicy weir: no port 3001 in some/],
  ['a selector', /(selector:\n.*part-of:) weir/, '$1 other', /weir-metrics: it selects no pods/],
  ['a spread', /(Selector:\n.*\n.*name:) checkout/, '$1 other', /spread misses its own pods/],
  [
    'a budget',
    /(able: 1\n.*\n.*\n.*name:) checkout/,
    '$1 other',
    /pods of 0 Deployments, not of 1/,
  ],
]

for (const [title, from, to, expected] of unanswered) {
  test(`references: ${title} that leads nowhere is found`, () => {
    assert.match(danglingReferences(changed(from, to)).join('\n'), expected)
  })
}

test('schemas: a value that is wrong and a field that there is none of are found', async () => {
  const wrong = changed(/containerPort: 3000/, 'containerPort: http')
  assert.match((await schemaFaults(wrong)).join(), /^Deployment checkout: .*must be integer/)
  const unknown = changed(/readinessProbe:/, 'readynessProbe:')
  assert.deepEqual(await schemaFaults(unknown), [], 'why fieldFaults is needed')
  assert.match(fieldFaults(unknown).join(), /^Deployment checkout: .*readynessProbe"' does not ex/)
})

function isWeir({ name }: IContainer): boolean {
  return name === 'weir'
}
