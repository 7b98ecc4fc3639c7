// The curves of a variant's runs laid upon each other: points of one place, whichever run or try they come from, are values of
// one figure. It draws nothing.
import type { Run, VariantResult } from '../results.ts'
import { soundRuns } from '../results.ts'
import { type Figure, figureFrom, type Sample } from './statistics.ts'

export interface Curve {
  readonly name: string
  /** The first of them says where a point lies. */
  readonly fields: readonly string[]
  /** By ascending place; a figure for each field, the place among them. */
  readonly rows: readonly ReadonlyMap<string, Figure>[]
}

type Point = Readonly<Record<string, number>>

export function curvesOf(variant: Pick<VariantResult, 'runs'>): Curve[] {
  const all = soundRuns(variant).flatMap((run) =>
    Object.entries(run.series ?? {}).flatMap(([name, points]) =>
      points.map((point) => ({ name, point, run })),
    ),
  )
  return [...new Set(all.map(({ name }) => name))].map((name) => {
    const own = all.filter((one) => one.name === name)
    const fields = [...new Set(own.flatMap(({ point }) => Object.keys(point)))]
    const places = [...new Set(own.map(({ point }) => point[fields[0]!]!))].sort((a, b) => a - b)
    return {
      name,
      fields,
      rows: places.map((place) => {
        const there = own.filter(({ point }) => point[fields[0]!] === place)
        return rowOf(fields, there)
      }),
    }
  })
}

function rowOf(
  fields: readonly string[],
  there: readonly { readonly point: Point; readonly run: Run }[],
): Map<string, Figure> {
  const figures = fields.map((field): [string, Figure | null] => {
    const samples = there.flatMap(({ point, run }): Sample[] => {
      const value = point[field]
      return value === undefined ? [] : [{ value, run }]
    })
    return [field, figureFrom(field, samples)]
  })
  return new Map(figures.filter((pair): pair is [string, Figure] => pair[1] !== null))
}
