// The thread of an Ahead: reads a file, parses and encodes batch after batch into memory that both threads see, and waits
// where all of it is in use. Started by ahead.ts only.
import assert from 'node:assert'
import { parentPort, workerData } from 'node:worker_threads'
import { compileCatalogs } from '../../features/catalogs.ts'
import { Plan } from '../../features/plan.ts'
import { Encoder } from '../../features/record.ts'
import { DirectIntake, Taken } from '../core/intake.ts'
import { batchRowsMax } from '../core/limits.ts'
import { readCatalogs, readMapping } from '../declarations.ts'
import { codeOf, describe, EngineError } from '../errors.ts'
import { type AheadSays, parcelsMax, Turns } from '../replay/ahead.ts'
import { Parcel } from '../replay/parcel.ts'
import { openFile } from '../stream/file-source.ts'
import type { AheadOrder } from './ahead.ts'

assert(parentPort !== null, 'a thread that somebody started')
const port = parentPort
const order = workerData as AheadOrder & { readonly turns: SharedArrayBuffer }

function say(said: AheadSays): void {
  port.postMessage(said)
}

async function run(): Promise<void> {
  const mapping = readMapping(order.mapping)
  const catalog = compileCatalogs(readCatalogs(order.catalog))
  const plan = new Plan(catalog, mapping.schema)
  const parcels = Array.from({ length: parcelsMax }, () => new Parcel(plan, null))
  const memories = parcels.map(({ memory }) => memory)
  say({ kind: 'ready', terms: `${mapping.hash} ${catalog.hash}`, memories })
  const hasTexts = order.hasTexts || plan.rowFeatures.some(({ field }) => field >= 0)
  const taken = new Taken(plan)
  const turns = new Turns(order.turns)
  const source = await openFile(order.file, mapping, batchRowsMax, 0)
  const parser = mapping.parser(source.columns ?? undefined)
  const intake = new DirectIntake(parser, new Encoder(plan, order.hashKey))
  for await (const messages of source.batches()) {
    intake.parse(messages, taken)
    intake.encode(taken)
    const parcel = turns.take()
    const count = messages.length
    const slip = parcels[parcel]!.pack(taken, count, hasTexts)
    const { offset } = messages[0]!
    say({ kind: 'batch', parcel, slip, count, offset, position: source.position() })
  }
  await source.close()
  say({ kind: 'end' })
}

try {
  await run()
} catch (error) {
  const isKnown = error instanceof EngineError
  const cause = isKnown && error.cause !== undefined ? describe(error.cause) : ''
  const reason = isKnown ? error.message : describe(error)
  say({ kind: 'failed', code: codeOf(error), reason, cause })
}
