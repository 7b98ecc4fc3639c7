// Explains a score of any model: what its margin loses when one input at a time becomes an ordinary one. As many rows to
// score as there are inputs, so only for who asks why.
import { assertExplainable, type Model } from './model.ts'

/** Scores are told in millionths: what is nearer to 0 or 1 has the margin of a millionth. */
const scoreMin = 1e-6

/** As `Model.explain` says. Overwrites the model's rows. What has no score has no margin either: then an input added 0. */
export async function occlude(
  model: Pick<Model, 'inputs' | 'rows' | 'rowMax' | 'score'>,
  rows: Float32Array,
  count: number,
  out: Float64Array,
): Promise<void> {
  assertExplainable(model, rows, count, out)
  const columns = model.inputs.length
  const variants = count * (columns + 1)
  const scores = new Float64Array(model.rowMax)
  let margin = 0
  for (let begin = 0; begin < variants; begin += model.rowMax) {
    const size = Math.min(model.rowMax, variants - begin)
    for (let place = 0; place < size; place++) writeVariant(model, rows, begin + place, place)
    await model.score(size, scores)
    for (let place = 0; place < size; place++) {
      const row = Math.floor((begin + place) / (columns + 1))
      const input = ((begin + place) % (columns + 1)) - 1
      if (input < 0) margin = marginOf(scores[place]!)
      else out[row * columns + input] = difference(margin, marginOf(scores[place]!))
    }
  }
}

/** Each row as it is, and then with each of its inputs in turn at its baseline. */
function writeVariant(
  model: Pick<Model, 'inputs' | 'rows'>,
  rows: Float32Array,
  variant: number,
  place: number,
): void {
  const columns = model.inputs.length
  const from = Math.floor(variant / (columns + 1)) * columns
  const to = place * columns
  for (let input = 0; input < columns; input++) model.rows[to + input] = rows[from + input]!
  const input = (variant % (columns + 1)) - 1
  if (input >= 0) model.rows[to + input] = model.inputs[input]!.baseline
}

function marginOf(score: number): number {
  const bounded = Math.min(Math.max(score, scoreMin), 1 - scoreMin)
  return Math.log(bounded / (1 - bounded))
}

function difference(margin: number, without: number): number {
  const added = margin - without
  return Number.isNaN(added) ? 0 : added
}
