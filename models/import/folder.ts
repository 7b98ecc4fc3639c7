// Writes what an import found as a model folder. The same request gives the same bytes: no clock, no path, no name of a
// machine goes in.
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Random } from '../../features/generator/random.ts'
import { backgroundRowsMax, type Row } from '../manifest.ts'
import type { Thresholds } from '../model.ts'
import type { OutputRule } from '../reading.ts'
import type { Facts, ImportRequest } from './request.ts'

export interface ImportParts {
  readonly rule: OutputRule
  readonly thresholds: Thresholds
  readonly notes: readonly string[]
  readonly difference: number
  /** Of the golden rows. */
  readonly scores: readonly number[]
}

/** Writes the folder, the manifest last: half a folder is refused by the gate. Throws what the file system throws. */
export function writeImport(
  folder: string,
  request: ImportRequest,
  facts: Facts,
  parts: ImportParts,
): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const write = (name: string, content: string | Buffer): void => {
    writeFileSync(join(folder, name), content)
  }
  write('model.onnx', request.bytes)
  write('golden.json', `${JSON.stringify({ rows: facts.rows, scores: parts.scores })}\n`)
  let background: string | null = null
  if (request.sample !== null) {
    background = `${JSON.stringify({ rows: drawRows(facts.sample) })}\n`
    write('background.json', background)
  }
  write('CARD.md', cardOf(request, facts, parts))
  const manifest = manifestOf(request, facts, parts, background)
  write('manifest.json', `${JSON.stringify(manifest, null, 1)}\n`)
}

function manifestOf(
  request: ImportRequest,
  { model, statistics, imputations, rows, sample }: Facts,
  { rule, thresholds, difference }: ImportParts,
  background: string | null,
): Record<string, unknown> {
  const { name, version, bytes, features, definitions, tolerance, golden } = request
  return {
    name,
    version,
    sha256: sha256Of(bytes),
    input: model.graph.inputs[0]!.name,
    inputs: features.map((feature, at) => ({
      feature,
      definition: definitions.get(feature),
      imputation: Number.isNaN(imputations[at]) ? 'nan' : imputations[at],
      mean: digits(statistics[at]!.mean),
      deviation: digits(statistics[at]!.deviation),
      baseline: digits(statistics[at]!.median),
    })),
    output: outputOf(rule),
    thresholds,
    tolerance,
    ...(background !== null && { background: sha256Of(Buffer.from(background)) }),
    training: {
      source: 'imported',
      producer: model.graph.producer,
      goldenRows: rows.length,
      goldenRowsOf: golden.count,
      goldenDifference: difference,
      sampleRows: request.sample === null ? 0 : sample.length,
      sampleRowsOf: request.sample?.count ?? 0,
    },
  }
}

/** Only what its kind has. */
function outputOf({ name, column, kind, fraud, stranger, quantiles }: OutputRule): object {
  return {
    name,
    column,
    kind,
    ...(kind === 'label' && { fraud }),
    ...(kind === 'anomaly' && { stranger, quantiles: [...quantiles] }),
  }
}

/** As many as a background may have, drawn by chance, the same each time. */
function drawRows(rows: readonly Row[]): Row[] {
  const random = Random.of(1, 'background')
  const left = [...rows]
  const count = Math.min(backgroundRowsMax, left.length)
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random.uniform() * (left.length - at))
    const row = left[other]!
    left[other] = left[at]!
    left[at] = row
  }
  return left.slice(0, count)
}

function cardOf(request: ImportRequest, facts: Facts, parts: ImportParts): string {
  const { name, version, file, bytes, features, golden, sample, tolerance } = request
  const { producer, opset, operators } = facts.model.graph
  const of =
    sample === null
      ? 'none'
      : `${facts.sample.length} of the ${sample.count} rows of \`${basename(sample.file)}\``
  return `# ${name} ${version}

Imported with \`weir model import\`; it was not fitted by Weir, which has not judged how good it is. Compare it with the model
that you have by \`weir replay\` over your own history before it decides anything.

| | |
|---|---|
| File | \`${basename(file)}\`, ${bytes.length} bytes, sha256 \`${sha256Of(bytes)}\` |
| Made by | ${producer || 'unknown'}${opset === 0 ? '' : `, opset ${opset}`} |
| Operators | ${operators.join(', ')} |
| Score | column ${parts.rule.column} of \`${parts.rule.name}\`, read as ${parts.rule.kind} |
| Golden rows | ${facts.rows.length} of the ${golden.count} of \`${basename(golden.file)}\`; the largest difference ${parts.difference.toPrecision(2)}, allowed ${tolerance} |
| Sample | ${of} |
| Thresholds | review from ${parts.thresholds.review}, deny from ${parts.thresholds.deny} |

Inputs, in their order: ${features.map((feature) => `\`${feature}\``).join(', ')}.

${parts.notes.map((note) => `- ${note}`).join('\n')}
`
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function digits(value: number): number {
  return Number(value.toPrecision(6))
}
