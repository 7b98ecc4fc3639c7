// Opens a model while others decide: the whole gate runs in a thread of its own. What is quick to make is then made again here;
// what would hold decisions up stays in its thread, and rows go there.
import type { Model } from '../../models/model.ts'
import { openTried } from '../../models/open.ts'
import { type AdmissionTerms, RemoteModel } from './remote-model.ts'

/** Rejects with ModelRefusal, or ModelError where the gate itself failed or was aborted; then nothing stays open. */
export async function admit(
  folder: string,
  terms: AdmissionTerms,
  signal: AbortSignal | null = null,
): Promise<Model> {
  const remote = await RemoteModel.open(folder, terms, signal)
  if (!(remote instanceof RemoteModel) || remote.small === null) return remote
  try {
    return await openTried(remote.small, remote.tried, terms)
  } finally {
    await remote.close()
  }
}
