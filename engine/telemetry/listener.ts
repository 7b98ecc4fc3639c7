// Answers probes and scrapes of a process that serves nothing else: GET /healthz, /readyz and /metrics. It knows nothing
// of what it reports, and its answers never wait for Kafka or Redis longer than a metric does.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EngineError } from '../errors.ts'

export interface ListenerParts {
  readonly host: string
  readonly port: number
  /** True while work should be sent here. */
  isReady(): boolean
  /** What computes scores; null where there is none, or none yet. */
  scorer(): string | null
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
}

const requestMsMax = 5000

/** Of a request without a body: path and a few headers. */
const headerBytesMax = 8192

export class Listener {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Rejects with EngineError where it cannot listen. */
  static async open(parts: ListenerParts): Promise<Listener> {
    const server = createServer(
      {
        maxHeaderSize: headerBytesMax,
        headersTimeout: requestMsMax,
        requestTimeout: requestMsMax,
        keepAliveTimeout: requestMsMax,
      },
      (request, response) => void answer(parts, request, response),
    )
    const { host, port } = parts
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(new EngineError('address_unavailable', `listening on ${host}:${port}`, { cause }))
      })
      server.listen({ host, port }, resolve)
    })
    return new Listener(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends at once, open connections too: nothing here is worth waiting for. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

async function answer(
  parts: ListenerParts,
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = url.split('?', 1)[0]!
  const isKnown = path === '/healthz' || path === '/readyz' || path === '/metrics'
  if (!isKnown) end(response, 404, 'not found: GET /healthz, /readyz or /metrics\n')
  else if (method !== 'GET') {
    response.setHeader('Allow', 'GET')
    end(response, 405, 'only GET\n')
  } else if (path === '/healthz') end(response, 200, 'ok\n')
  else if (path === '/readyz') {
    if (parts.isReady()) end(response, 200, `ready\nscorer: ${parts.scorer() ?? 'none'}\n`)
    else end(response, 503, 'not ready: no partitions assigned yet, or stopping\n')
  } else await scrape(parts, response)
}

async function scrape({ metrics }: ListenerParts, response: ServerResponse): Promise<void> {
  try {
    end(response, 200, await metrics.text(), metrics.contentType)
  } catch {
    end(response, 500, 'the metrics could not be gathered\n')
  }
}

function end(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}
