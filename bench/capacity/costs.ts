// From ledger and flags to what one decision costs. Whatever the ledger lacks is told together, with what it has instead.

import { assumptions as usual } from '../../engine/commands/capacity.ts'
import { EngineError } from '../../engine/errors.ts'
import type { Assumptions } from './assumptions.ts'
import { type FigureName, type Found, isSame, type Ledger, type Shape } from './ledger.ts'
import { type Costs, heldAt } from './model.ts'

/** Of a transaction's JSON and its key where nobody has counted. */
const transactionBytesUsual = 400
const batchUsual = usual.batch.initial

/** Throws EngineError `usage` with a line for each thing that does not fit. */
export function costsOf(ledger: Ledger, wanted: Shape, assumptions: Assumptions): Costs {
  const isSaid = assumptions.given('engine-us') !== null && assumptions.given('redis-us') !== null
  const shape = shapeIn(ledger, wanted, isSaid)
  const batch = batchIn(ledger, shape, assumptions)
  const found = (name: FigureName): Found | null => ledger.find(name, shape, batch)
  const need = (name: FigureName): Found => {
    const figure = found(name) ?? ledger.find(name, shape, null)
    if (figure !== null) return figure
    throw new EngineError(
      'usage',
      `option --ledger: expected ${name} of ${textOf(shape)}, found none: run \`weir bench\` and name its results/latest.json`,
    )
  }
  const uncounted = { value: transactionBytesUsual, from: 'usual: no stream was counted' }
  const costs: Costs = {
    engineUs: assumptions.take('engine-us', isSaid ? null : need('engineUs')),
    redisUs: assumptions.take('redis-us', isSaid ? null : need('redisUs')),
    bytesToRedis: noted('bytes to Redis', need('bytesToRedis')),
    bytesFromRedis: noted('bytes from Redis', need('bytesFromRedis')),
    transactionBytes: assumptions.take('transaction-bytes', found('transactionBytes') ?? uncounted),
    decisionBytes: assumptions.take('decision-bytes', need('decisionBytes')),
  }
  return withHeld(ledger, costs, assumptions)

  function noted(name: string, { value, from }: Found): number {
    return assumptions.note(name, value, 'B a decision', from)
  }
}

function shapeIn(ledger: Ledger, wanted: Shape, isSaid: boolean): Shape {
  const shapes = ledger.shapes()
  const known = shapes.find((shape) => isSame(shape, wanted))
  if (known !== undefined) return known
  const [any] = shapes
  if (any === undefined) {
    throw new EngineError(
      'usage',
      'option --ledger: expected what an engine costs on Kafka, found none: `weir bench stream` measures it',
    )
  }
  if (isSaid) return any
  throw new EngineError(
    'usage',
    `option --ledger: expected a ledger of ${textOf(wanted)}, found one of ${shapes.map(textOf).join(' and of ')}: ` +
      'name the nearest with --entities and --features, or what you measured with --engine-us and --redis-us',
  )
}

/** The decision batch of the figures; null: whichever was measured. */
function batchIn(ledger: Ledger, shape: Shape, assumptions: Assumptions): number | null {
  const batch = assumptions.given('batch')
  const batches = ledger.batches(shape)
  if (batch === null) return batches.includes(batchUsual) ? batchUsual : null
  if (batches.includes(batch)) return batch
  throw new EngineError(
    'usage',
    `option --batch: expected a decision batch that was measured (${batches.join(', ') || 'none was'}), found ${batch}`,
  )
}

function withHeld(ledger: Ledger, costs: Costs, assumptions: Assumptions): Costs {
  const measured = ledger.held()
  const percent = assumptions.given('held')
  if (measured === null) {
    if (percent === null) return costs
    throw new EngineError(
      'usage',
      'option --held: expected costs of held and of cold journals in the ledger, found none: `weir bench store/windows` measures them',
    )
  }
  const { held, cold } = measured
  const share = assumptions.take('held', {
    value: Math.round(held.share * 1000) / 10,
    from: 'store/windows-held',
  })
  return percent === null ? costs : heldAt(share / 100, costs, held, cold)
}

function textOf({ entities, features }: Shape): string {
  return `${entities} entities and ${features} features`
}
