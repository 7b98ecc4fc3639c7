// What a container finds when it starts: its environment, and its mounted ConfigMaps as files. Stands in for a node, which
// would put the same there.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IContainer } from 'kubernetes-models/v1'
import type { KubernetesObject, Labels, Pod } from './objects.ts'

export interface World {
  readonly container: IContainer
  readonly environment: Labels
  /** Where its configuration lies. */
  readonly file: string
}

/** What Weir's container of a pod finds, its files below `folder`. Starts nothing. */
export function weirOf(pod: Pod, objects: readonly KubernetesObject[], folder: string): World {
  const container = pod.containers.find(({ name }) => name === 'weir')!
  const environment = environmentOf(container, objects)
  writeMounts(container, pod, objects, folder)
  return { container, environment, file: join(folder, environment['WEIR_CONFIG']!) }
}

/** The container's environment. Throws TypeError where a name leads nowhere (references.ts says which). */
export function environmentOf(container: IContainer, objects: readonly KubernetesObject[]): Labels {
  const environment: Record<string, string> = {}
  for (const { configMapRef } of container.envFrom ?? []) {
    Object.assign(environment, dataOf('ConfigMap', configMapRef?.name, objects))
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const { name: secret, key } = valueFrom?.secretKeyRef ?? {}
    const found = value ?? dataOf('Secret', secret, objects)[key!]!
    environment[name] = value === undefined ? Buffer.from(found, 'base64').toString('utf8') : found
  }
  return environment
}

/** Writes the container's ConfigMaps below `folder`, each where it is mounted. */
export function writeMounts(
  { volumeMounts }: IContainer,
  { spec }: Pod,
  objects: readonly KubernetesObject[],
  folder: string,
): void {
  for (const { name, mountPath } of volumeMounts ?? []) {
    const { configMap } = spec.volumes!.find((volume) => volume.name === name)!
    mkdirSync(join(folder, mountPath), { recursive: true })
    if (configMap === undefined) continue
    for (const [file, text] of Object.entries(dataOf('ConfigMap', configMap.name, objects))) {
      writeFileSync(join(folder, mountPath, file), text)
    }
  }
}

function dataOf(
  kind: 'ConfigMap' | 'Secret',
  name: string | undefined,
  objects: readonly KubernetesObject[],
): Labels {
  const target = objects.find((one) => one.kind === kind && one.metadata?.name === name)
  return (target as { readonly data: Labels }).data
}
