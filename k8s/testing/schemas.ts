// Whether Kubernetes would know an object: the published schemas say what a value may be, their types which fields there
// are. Both are kubernetes-models'; neither asks a cluster.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { type KubernetesObject, nameOf } from './objects.ts'

interface Validated {
  validate(): void
}

/** What the schema refuses, a line each. */
export async function schemaFaults(objects: readonly KubernetesObject[]): Promise<string[]> {
  const faults: string[] = []
  for (const object of objects) {
    const models = (await import(`kubernetes-models/${object.apiVersion}`)) as Readonly<
      Record<string, new (data: KubernetesObject) => Validated>
    >
    try {
      new models[object.kind]!(object).validate()
    } catch (error) {
      faults.push(`${nameOf(object)}: ${(error as Error).message}`)
    }
  }
  return faults
}

/**
 * Fields that there are none of, a line each: the schemas let them pass, and Kubernetes drops them. The objects become
 * literals of a TypeScript file that exists only here, where the compiler refuses excess properties. Takes seconds.
 */
export function fieldFaults(objects: readonly KubernetesObject[]): string[] {
  const lines = objects.map((object, index) => {
    const type = `import('kubernetes-models/${object.apiVersion}').I${object.kind}`
    return `export const object${index}: ${type} = ${JSON.stringify(object)}\n`
  })
  const root = dirname(fileURLToPath(import.meta.resolve('#root/package.json')))
  const file = join(root, 'k8s', 'objects-as-literals.ts')
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  }
  const host = ts.createCompilerHost(options)
  const onDisk = { ...host }
  host.fileExists = (name) => name === file || onDisk.fileExists(name)
  host.getSourceFile = (name, version, ...rest) => {
    return name === file
      ? ts.createSourceFile(name, lines.join(''), version)
      : onDisk.getSourceFile(name, version, ...rest)
  }
  const program = ts.createProgram([file], options, host)
  const diagnostics = ts.getPreEmitDiagnostics(program, program.getSourceFile(file))
  return diagnostics.map(({ file: source, start, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, ' ')
    const line = source?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0
    return `${nameOf(objects[line]!)}: ${message}`
  })
}
