// Every bound of the per-transaction path, with its unit, and how it relates to its neighbours.
import assert from 'node:assert'
import { exactMin } from '../../features/catalog-exact.ts'

/** Rows of one `Pipeline.process`; buffers are sized for it. A backlog or a replay uses it whole. */
export const batchRowsMax: number = 256

/** Rows of a decision batch while a source keeps up: a larger one would wait for its own work. */
export const decisionBatchRowsMax: number = 64

/** Reasons that one decision gives. */
export const reasonsMax = 3

/** Digits after the point of what a reason adds to the margin. */
export const contributionScale = 1e4

/** Digits after the point of a score: rounded before any threshold looks at it, so that text and outcome agree. */
export const scoreScale = 1e6

assert(decisionBatchRowsMax <= batchRowsMax, 'a decision batch fits the pipeline buffers')
assert(decisionBatchRowsMax <= exactMin, 'a batch of calls that comes again is recognised')
assert(Number.isSafeInteger(scoreScale))
