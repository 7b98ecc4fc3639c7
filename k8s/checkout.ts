// The sample payment service: takes charges over HTTP, asks the Weir of its pod over a Unix socket, and acts on the
// answer. It knows Weir by its HTTP API only, and must never make a customer wait for it.
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '3000' },
    weir: { type: 'string', default: '/run/weir/weir.sock' },
    'answer-ms-max': { type: 'string', default: '250' },
  },
})
const answerMsMax = Number(values['answer-ms-max'])
const agent = new Agent({ keepAlive: true })

interface Answer {
  readonly status: number
  readonly body: string
}

const accepted = { status: 201, body: '{"charge":"accepted"}' }
const held = { status: 202, body: '{"charge":"held"}' }
const refused = { status: 402, body: '{"charge":"refused"}' }
const answers: ReadonlyMap<unknown, Answer> = new Map([
  ['approve', accepted],
  ['review', held],
  ['deny', refused],
])

const server = createServer((incoming, outgoing) => {
  void answer(incoming).then(({ status, body }) => {
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
})
server.listen(Number(values.port), () => {
  process.stdout.write(`checkout: listening on ${(server.address() as AddressInfo).port}\n`)
})
process.once('SIGTERM', () => {
  server.close()
})

async function answer(incoming: IncomingMessage): Promise<Answer> {
  const route = `${incoming.method ?? ''} ${incoming.url ?? ''}`
  if (route === 'GET /healthz') return { status: 200, body: '{}' }
  if (route !== 'POST /charges') return { status: 404, body: '{"expected":"POST /charges"}' }
  try {
    return answerOf(await askWeir(incoming))
  } catch {
    // No Weir, no answer in time, or none that makes sense. The charge waits; the customer does not.
    return held
  } finally {
    // What Weir did not read must still be read, or the caller's connection is stuck.
    incoming.resume()
  }
}

/** What Weir's answer means for the charge. A call that is wrong is the caller's to mend: Weir says how. */
function answerOf(weir: Answer): Answer {
  if (weir.status >= 400 && weir.status < 500 && weir.status !== 429) return weir
  if (weir.status >= 300) return held
  const decision = JSON.parse(weir.body) as { readonly outcome?: unknown }
  return answers.get(decision.outcome) ?? held
}

/** Hands the charge on as it is: mapping.yaml tells Weir which field is what. */
function askWeir(charge: IncomingMessage): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath: values.weir,
      method: 'POST',
      path: '/v1/decisions',
      headers: { 'content-type': 'application/json' },
      agent,
      signal: AbortSignal.timeout(answerMsMax),
    })
    call.once('response', (response) => {
      text(response).then((body) => {
        resolve({ status: response.statusCode ?? 500, body })
      }, reject)
    })
    call.on('error', reject)
    charge.pipe(call)
  })
}
