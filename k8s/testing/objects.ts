// Kubernetes objects as kustomize rendered them, and what the tests ask of them. Reads the files under k8s/rendered/;
// never renders.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { IDeployment } from 'kubernetes-models/apps/v1'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1'
import type {
  IConfigMap,
  IContainer,
  INamespace,
  IPodSpec,
  ISecret,
  IService,
} from 'kubernetes-models/v1'
import { parseAllDocuments } from 'yaml'

export type KubernetesObject =
  | IConfigMap
  | IDeployment
  | INamespace
  | INetworkPolicy
  | IPodDisruptionBudget
  | ISecret
  | IService

export const renderings = ['base', 'dev', 'gpu'] as const

/** The text of `k8s/rendered/<name>.yaml`. */
export function readRendering(name: (typeof renderings)[number]): string {
  const path = import.meta.resolve(`#root/k8s/rendered/${name}.yaml`)
  return readFileSync(fileURLToPath(path), 'utf8')
}

export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!
    return document.toJS() as KubernetesObject
  })
}

/** `Deployment checkout` */
export function nameOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata?.name ?? '(no name)'}`
}

/** What a Deployment makes: one of its pods. */
export interface Pod {
  /** Of the Deployment, as `nameOf`. */
  readonly name: string
  readonly labels: Labels
  readonly selector: Labels
  readonly spec: IPodSpec
  /** Sidecars too. */
  readonly containers: readonly IContainer[]
}

export type Labels = Readonly<Record<string, string>>

export function podsOf(objects: readonly KubernetesObject[]): Pod[] {
  return objects
    .filter((one) => one.kind === 'Deployment')
    .map((deployment) => {
      const { selector, template } = deployment.spec!
      const spec = template.spec!
      return {
        name: nameOf(deployment),
        labels: template.metadata?.labels ?? {},
        selector: selector.matchLabels ?? {},
        spec,
        containers: [...(spec.initContainers ?? []), ...spec.containers],
      }
    })
}

/** An empty selector selects everything, as with Kubernetes. */
export function isSelected(labels: Labels, selector: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}
