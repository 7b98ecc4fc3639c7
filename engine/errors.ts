// Every way the engine can fail, in one table: who must act, whether it is tried again, what helps. Bad transactions are
// not failures (they are rejects, values), and a broken invariant is an assert.
import { DocumentError } from '../features/document.ts'
import { StoreError } from '../features/store/store.ts'
import { ModelError, ModelRefusal } from '../models/model.ts'

/** `caller`: who ran the command or wrote its files. `operator`: who runs Redis, Kafka and the machine. `nobody`: it is retried. */
export type Actor = 'caller' | 'operator' | 'nobody'

export interface ErrorKind {
  readonly actor: Actor
  /** True if the same attempt can succeed later without anybody changing anything. */
  readonly isRetriable: boolean
  /** What to do, in a sentence. Printed under the error and in docs/errors.md. */
  readonly help: string
}

const kinds = {
  usage: {
    actor: 'caller',
    isRetriable: false,
    help: 'Correct the command line; `weir <command> --help` shows its options and an example.',
  },
  document_invalid: {
    actor: 'caller',
    isRetriable: false,
    help: 'Correct the named lines of the configuration, mapping, catalog or policy; all faults are listed.',
  },
  file_unreadable: {
    actor: 'caller',
    isRetriable: false,
    help: 'Check the path and its permissions. Paths in weir.yaml are relative to its folder.',
  },
  input_invalid: {
    actor: 'caller',
    isRetriable: false,
    help: 'The input is not what the mapping describes, or the range does not exist. Check the format and the columns.',
  },
  already_recorded: {
    actor: 'caller',
    isRetriable: false,
    help: 'Two would fight over the offsets of one topic. Let the other one go on, or stop it first; what it recorded stays.',
  },
  history_unfit: {
    actor: 'caller',
    isRetriable: false,
    help: 'Nothing can be learnt from this history as it is: the message says what is missing. Check the label of the mapping, or give a longer history.',
  },
  hash_key_missing: {
    actor: 'caller',
    isRetriable: false,
    help: 'Set WEIR_HASH_KEY (or hash_key_file) to at least 32 hex digits, e.g. from `openssl rand -hex 16`, the same for every engine of the deployment.',
  },
  model_refused: {
    actor: 'caller',
    isRetriable: false,
    help: 'The model folder failed the admission gate, which names what it expected and found. The old model stays.',
  },
  model_failed: {
    actor: 'operator',
    isRetriable: false,
    help: 'An admitted model failed while scoring. Keep the message, go back to the model before, report it.',
  },
  kafka_unavailable: {
    actor: 'nobody',
    isRetriable: true,
    help: 'The stream pauses, retries and publishes nothing meanwhile. If it lasts, check the brokers and the network.',
  },
  kafka_refused: {
    actor: 'operator',
    isRetriable: false,
    help: 'The brokers answered no: check credentials, access rights and the settings of the topic.',
  },
  topic_unfit: {
    actor: 'operator',
    isRetriable: false,
    help: 'A topic is missing or does not fit the others. `weir topics` creates and checks them.',
  },
  store_unavailable: {
    actor: 'nobody',
    isRetriable: true,
    help: 'The stream pauses, retries and publishes nothing meanwhile. If it lasts, check Redis and the network.',
  },
  store_refused: {
    actor: 'operator',
    isRetriable: false,
    help: 'Redis is not fit for journals: check its version, maxmemory-policy (noeviction), memory and access rights.',
  },
  address_unavailable: {
    actor: 'operator',
    isRetriable: false,
    help: 'Another process listens there, or the address is not of this machine: set another http.host, http.port or http.socket, or stop the other one.',
  },
  output_unwritable: {
    actor: 'operator',
    isRetriable: false,
    help: 'A result file could not be written. Check space, path and permissions, then run the command again.',
  },
  unexpected: {
    actor: 'operator',
    isRetriable: false,
    help: 'This is a defect of Weir. Please report it with the whole message.',
  },
} as const satisfies Readonly<Record<string, ErrorKind>>

export type ErrorCode = keyof typeof kinds

/** The table, by code. docs/errors.md is generated from it. */
export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = kinds

/**
 * A failed dependency or a wrong request. `message` says what was being done or what is wrong, without a full stop
 * (`reading windows`); the cause follows it as a sentence goes on: `reading windows: connecting: …`.
 */
export class EngineError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.name = 'EngineError'
    this.code = code
  }

  get isRetriable(): boolean {
    return errorKinds[this.code].isRetriable
  }
}

/** The code of whatever was thrown: its own, that of a port's error, or of the first cause that has one. Never throws. */
export function codeOf(error: unknown): ErrorCode {
  for (const link of chain(error)) {
    if (link instanceof EngineError) return link.code
    if (link instanceof StoreError) return link.retriable ? 'store_unavailable' : 'store_refused'
    if (link instanceof ModelRefusal) return 'model_refused'
    if (link instanceof DocumentError) return 'document_invalid'
    if (link instanceof ModelError) return 'model_failed'
  }
  return 'unexpected'
}

/** What a command ends with: 2 when it was asked wrongly, 1 when it ran and failed. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return errorKinds[codeOf(error)].actor === 'caller' ? 2 : 1
}

/** The whole chain on one line: `reading windows: connecting: connect ECONNREFUSED 127.0.0.1:6379`. */
export function describe(error: unknown): string {
  const parts: string[] = []
  for (const link of chain(error)) {
    const text = oneLine(messageOf(link))
    // A wrapper that has already quoted its cause would otherwise say it twice.
    if (text !== '' && !parts.some((part) => part === text || part.endsWith(`: ${text}`))) {
      parts.push(text)
    }
  }
  return parts.length === 0 ? 'unknown error' : parts.join(': ')
}

const chainLinksMax = 16

/** The error and its causes, outermost first; ends at a loop. */
function* chain(error: unknown): Generator {
  const seen = new Set<unknown>()
  let link = error
  for (let count = 0; count < chainLinksMax && link !== undefined && link !== null; count++) {
    if (seen.has(link)) return
    seen.add(link)
    yield link
    link = link instanceof Error ? link.cause : null
  }
}

function messageOf(link: unknown): string {
  if (!(link instanceof Error)) return typeof link === 'string' ? link : 'a value that is no error'
  if (link instanceof DocumentError) return link.message.replaceAll('\n', '; ')
  // Node reports a refused connection to several addresses as an AggregateError without a message.
  if (link.message === '' && link instanceof AggregateError) {
    return [...new Set(link.errors.map(messageOf))].join('; ')
  }
  return link.message === '' ? link.name : link.message
}

/** Without control characters, line ends among them: they would break a log line or steer a terminal. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
}
