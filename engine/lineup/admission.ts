// Opens a model while others decide: the whole gate runs in a thread of its own. What is quick to make is then made again here;
// what would hold decisions up stays in its thread, and rows go there.
import { type Model, ModelRefusal } from '../../models/model.ts'
import { openModel } from '../../models/open.ts'
import { parseDocument } from '../document.ts'
import { type AdmissionTerms, RemoteModel } from './remote-model.ts'

/** A session that takes longer to make would hold up every decision for as long. */
const blockMsMax = 5

/** Rejects with ModelRefusal, or ModelError where the gate itself failed or was aborted; then nothing stays open. */
export async function admit(
  folder: string,
  terms: AdmissionTerms,
  signal: AbortSignal | null = null,
): Promise<Model> {
  const remote = await RemoteModel.open(folder, terms, signal)
  if (!(remote instanceof RemoteModel) || remote.madeMs > blockMsMax) return remote
  try {
    const { definitions, providers, rowMax } = terms
    const options = { rowMax, providers, tried: remote.tried }
    const model = await openModel(folder, definitions, parseDocument, options)
    if (model.hash === remote.hash) return model
    await model.close()
    const found = `${model.hash}, another one`
    const hint = 'leave it alone until it is in use, and send it again'
    const fault = { file: folder, line: 0, path: 'manifest.json', hint, found }
    throw new ModelRefusal([{ ...fault, expected: `${remote.hash}, which was tried` }])
  } finally {
    await remote.close()
  }
}
