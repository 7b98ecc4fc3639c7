// Names by which Kubernetes objects point at each other, and which of them lead nowhere. Kubernetes itself accepts such
// objects, and then waits or does nothing.
import type { IContainer, IEnvVar } from 'kubernetes-models/v1'
import {
  isSelected,
  type KubernetesObject,
  type Labels,
  nameOf,
  type Pod,
  podsOf,
} from './objects.ts'

/** A line for each reference that nothing answers, e.g. `Deployment checkout, weir: no Secret weir-hash-key`. */
export function danglingReferences(objects: readonly KubernetesObject[]): string[] {
  const pods = podsOf(objects)
  return [
    ...pods.flatMap((pod) => fromPod(pod, objects)),
    ...pods.flatMap((pod) => overlaps(pod, pods)),
    ...objects.flatMap((object) => fromSelector(object, pods)),
  ]
}

function fromPod(pod: Pod, objects: readonly KubernetesObject[]): string[] {
  const { name, labels, selector, spec, containers } = pod
  const found: string[] = []
  if (!isSelected(labels, selector)) found.push(`${name}: its selector misses its own pods`)
  for (const { labelSelector } of spec.topologySpreadConstraints ?? []) {
    if (!isSelected(labels, labelSelector?.matchLabels ?? {})) {
      found.push(`${name}: its topology spread misses its own pods`)
    }
  }
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume.name))
  const mounts = containers.flatMap((container) => container.volumeMounts ?? [])
  for (const volume of volumes) {
    if (!mounts.some((mount) => mount.name === volume)) {
      found.push(`${name}: nothing mounts the volume ${volume}`)
    }
  }
  for (const { configMap, secret } of spec.volumes ?? []) {
    if (configMap) found.push(...missing(name, 'ConfigMap', configMap.name, null, objects))
    if (secret) found.push(...missing(name, 'Secret', secret.secretName, null, objects))
  }
  for (const container of containers) {
    const here = `${name}, ${container.name}`
    for (const mount of container.volumeMounts ?? []) {
      if (!volumes.has(mount.name)) found.push(`${here}: no volume ${mount.name}`)
    }
    found.push(...fromEnvironment(here, container, objects), ...fromProbes(here, container))
  }
  return found
}

function fromEnvironment(
  here: string,
  { env, envFrom }: IContainer,
  objects: readonly KubernetesObject[],
): string[] {
  return [
    ...(envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
      ...(configMapRef ? missing(here, 'ConfigMap', configMapRef.name, null, objects) : []),
      ...(secretRef ? missing(here, 'Secret', secretRef.name, null, objects) : []),
    ]),
    ...(env ?? []).flatMap(({ valueFrom }: IEnvVar) => {
      const { configMapKeyRef: config, secretKeyRef: secret } = valueFrom ?? {}
      return [
        ...(config ? missing(here, 'ConfigMap', config.name, config.key, objects) : []),
        ...(secret ? missing(here, 'Secret', secret.name, secret.key, objects) : []),
      ]
    }),
  ]
}

/** Nothing when there is an object of that kind and name, with that key where one is named. */
function missing(
  here: string,
  kind: 'ConfigMap' | 'Secret',
  name: string | undefined,
  key: string | null,
  objects: readonly KubernetesObject[],
): string[] {
  const target = objects.find((one) => one.kind === kind && one.metadata?.name === name)
  if (target === undefined) return [`${here}: no ${kind} ${name ?? '(no name)'}`]
  const { data } = target as { readonly data?: Labels }
  if (key === null || data?.[key] !== undefined) return []
  return [`${here}: no key ${key} in ${nameOf(target)}`]
}

function fromProbes(here: string, container: IContainer): string[] {
  const { livenessProbe, readinessProbe, startupProbe } = container
  const ports = portsOf([container])
  return Object.entries({ livenessProbe, readinessProbe, startupProbe })
    .flatMap(([name, probe]) => (probe?.httpGet ? [{ name, port: probe.httpGet.port }] : []))
    .filter(({ port }) => !ports.has(port))
    .map(({ name, port }) => `${here}: no port ${port} for ${name}`)
}

/** Two Deployments that select each other's pods would fight over them. */
function overlaps(pod: Pod, pods: readonly Pod[]): string[] {
  return pods
    .filter((other) => other.name !== pod.name && isSelected(other.labels, pod.selector))
    .map((other) => `${pod.name}: it also selects the pods of ${other.name}`)
}

/** Services, budgets and network policies: pods by their labels, ports by name or number. */
function fromSelector(object: KubernetesObject, pods: readonly Pod[]): string[] {
  const name = nameOf(object)
  const selected = (selector: Labels | undefined) => {
    return pods.filter(({ labels }) => isSelected(labels, selector ?? {}))
  }
  switch (object.kind) {
    case 'PodDisruptionBudget': {
      const { length } = selected(object.spec?.selector?.matchLabels)
      return length === 1 ? [] : [`${name}: it selects the pods of ${length} Deployments, not of 1`]
    }
    case 'Service': {
      const targets = (object.spec?.ports ?? []).map(({ port, targetPort }) => targetPort ?? port)
      return missingPorts(name, targets, selected(object.spec?.selector), 'every')
    }
    case 'NetworkPolicy': {
      const ports = (object.spec?.ingress ?? []).flatMap((rule) => rule.ports ?? [])
      const numbers = ports.flatMap(({ port }) => (port === undefined ? [] : [port]))
      return missingPorts(name, numbers, selected(object.spec?.podSelector.matchLabels), 'some')
    }
    case 'ConfigMap':
    case 'Deployment':
    case 'Namespace':
    case 'Secret':
      return []
  }
}

function missingPorts(
  name: string,
  ports: readonly (number | string)[],
  pods: readonly Pod[],
  quantity: 'every' | 'some',
): string[] {
  if (pods.length === 0) return [`${name}: it selects no pods`]
  return ports
    .filter((port) => !pods[quantity](({ containers }) => portsOf(containers).has(port)))
    .map((port) => `${name}: no port ${port} in ${quantity} pod that it selects`)
}

/** By name and by number. */
function portsOf(containers: readonly IContainer[]): Set<number | string> {
  const ports = containers.flatMap((container) => container.ports ?? [])
  return new Set(ports.flatMap(({ name, containerPort }) => [name ?? containerPort, containerPort]))
}
