// How complete a decision is.

/** The best first. */
export const rungs = ['full', 'no-challenger', 'stale', 'rules', 'stand-in'] as const
export type Rung = (typeof rungs)[number]
