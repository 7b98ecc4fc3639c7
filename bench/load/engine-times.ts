// An engine's own times between two looks at its page of metrics. Between two bounds of a bucket they are interpolated.

export interface EngineTimes {
  readonly p50Us: number
  readonly p99Us: number
  /** Transactions of a batch, and outcomes of a send, in the mean. */
  readonly decisionBatch: number
  readonly sendBatch: number
}

export function engineTimes(before: string, after: string): EngineTimes {
  const mean = (name: string): number =>
    difference(before, after, `${name}_sum`) / difference(before, after, `${name}_count`)
  const buckets = bucketsOf(after, 'weir_engine_seconds')
  const earlier = bucketsOf(before, 'weir_engine_seconds')
  const grown = buckets.map(({ bound, count }, at) => ({
    bound,
    count: count - earlier[at]!.count,
  }))
  return {
    p50Us: quantile(grown, 0.5) * 1e6,
    p99Us: quantile(grown, 0.99) * 1e6,
    decisionBatch: mean('weir_batch_messages'),
    sendBatch: mean('weir_send_outcomes'),
  }
}

interface Bucket {
  readonly bound: number
  /** Of all up to the bound. */
  readonly count: number
}

/** In the unit of the bounds; the largest finite bound where it lies beyond. */
export function quantile(buckets: readonly Bucket[], share: number): number {
  const wanted = share * (buckets.at(-1)?.count ?? 0)
  let below: Bucket = { bound: 0, count: 0 }
  for (const bucket of buckets) {
    if (bucket.count >= wanted && bucket.count > below.count) {
      if (!Number.isFinite(bucket.bound)) return below.bound
      const inside = (wanted - below.count) / (bucket.count - below.count)
      return below.bound + inside * (bucket.bound - below.bound)
    }
    below = bucket
  }
  return below.bound
}

function bucketsOf(page: string, name: string): Bucket[] {
  const lines = page.matchAll(
    new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)$`, 'gm'),
  )
  return Array.from(lines, ([, bound, count]) => ({
    bound: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound),
    count: Number(count),
  }))
}

function difference(before: string, after: string, name: string): number {
  return valueOf(after, name) - valueOf(before, name)
}

function valueOf(page: string, name: string): number {
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN)
}
