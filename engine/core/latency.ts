// What a batch took, stage by stage.

/** Per-stage latency of the batch that a decision came in, µs: the same for its rows. */
export interface Latency {
  parse: number
  encode: number
  observe: number
  fold: number
  score: number
  explain: number
  /** Not known yet while documents are written: only metrics have it. */
  decide: number
}

/** The stages as JSON text, whole µs. */
export function latencyText(latency: Omit<Latency, 'decide'>): string {
  return `{"parse":${latency.parse},"encode":${latency.encode},"observe":${latency.observe},"fold":${latency.fold},"score":${latency.score},"explain":${latency.explain}}`
}
