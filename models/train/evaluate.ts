// How good scores are: ranking metrics over rows whose truth is known.

/** Area under the ROC curve, ties counted half (Hanley and McNeil 1982). */
export function areaUnderRoc(scores: Float64Array, isFraud: Uint8Array): number {
  const order = byScore(scores)
  let frauds = 0
  let honest = 0
  let area = 0
  for (let from = 0; from < order.length; ) {
    let to = from
    let tiedFrauds = 0
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) {
      tiedFrauds += isFraud[order[to]!]!
      to++
    }
    const tiedHonest = to - from - tiedFrauds
    area += tiedHonest * (frauds + tiedFrauds / 2)
    frauds += tiedFrauds
    honest += tiedHonest
    from = to
  }
  return area / (frauds * honest)
}

/** Mean of the precision at each fraud, best score first. */
export function averagePrecision(scores: Float64Array, isFraud: Uint8Array): number {
  let frauds = 0
  let sum = 0
  for (const [rank, row] of byScore(scores).entries()) {
    if (isFraud[row] === 0) continue
    frauds++
    sum += frauds / (rank + 1)
  }
  return sum / frauds
}

/** The score that a share of the rows reaches, and how much of the fraud is among them. */
export function atAlertShare(
  scores: Float64Array,
  isFraud: Uint8Array,
  share: number,
): { threshold: number; recall: number; precision: number } {
  const order = byScore(scores)
  const alerts = Math.max(1, Math.round(order.length * share))
  const total = isFraud.reduce((sum, value) => sum + value, 0)
  const caught = order.slice(0, alerts).reduce((sum, row) => sum + isFraud[row]!, 0)
  const threshold = scores[order[alerts - 1]!]!
  return { threshold, recall: caught / total, precision: caught / alerts }
}

function byScore(scores: Float64Array): number[] {
  return Array.from(scores, (_, row) => row).sort((a, b) => scores[b]! - scores[a]! || a - b)
}
