// Every metric of Weir, declared once: docs/metrics.md and metrics.ts follow from this table. A label has few values that
// are known before the start or come from the configuration, never an id, a tenant or anything else that a message says.
import { rejectReasons } from '../../features/reject.ts'
import { outcomes } from '../core/policy.ts'
import { rungs } from '../core/rung.ts'
import { errorKinds } from '../errors.ts'

export interface MetricDeclaration {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly unit: string
  readonly help: string
  /** Each label with its values, or what bounds them. */
  readonly labels: Readonly<Record<string, readonly string[] | string>>
  /** Upper bounds, of histograms only, in `unit`. */
  readonly buckets: readonly number[]
}

/** What a batch passes through, in this order. */
export const stages = ['parse', 'encode', 'observe', 'fold', 'score', 'explain', 'decide'] as const

/** Dense around the budget of 1 ms, and up to where a deadline has long passed. */
const engineUs = [
  100, 200, 300, 400, 500, 600, 800, 1000, 1250, 1500, 2000, 3000, 5000, 10_000, 20_000, 100_000,
  1_000_000,
]
const stageUs = [5, 10, 20, 50, 100, 200, 400, 600, 1000, 2000, 5000, 20_000, 100_000]
const partition = { partition: 'partitions of the transactions topic' }

/** Reasons of rejects; `other` stays 0 unless the table of reasons was left behind. */
export const rejectLabels: readonly string[] = [...Object.keys(rejectReasons), 'other']

export const decisionMetrics = {
  decisions: counter('weir_decisions_total', 'decisions', 'Transactions that were decided.', {
    outcome: outcomes,
    rung: rungs,
  }),
  rejects: counter('weir_rejects_total', 'messages', 'Messages that are no transactions.', {
    reason: rejectLabels,
  }),
  duplicates: counter(
    'weir_duplicates_total',
    'messages',
    'Messages with the id of a transaction that another message had before.',
  ),
  recorded: counter(
    'weir_recorded_total',
    'messages',
    'Reversals, declines and labels that are now in the journals.',
  ),
  batch: histogram(
    'weir_batch_messages',
    'messages',
    'Messages that were decided together.',
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  ),
  engine: histogram(
    'weir_engine_seconds',
    'seconds',
    'From a batch handed to the pipeline to its decisions ready; once per batch, the same for its transactions. Waiting before that and sending are not in it. The budget is 0.001.',
    seconds(engineUs),
  ),
  stage: histogram(
    'weir_stage_seconds',
    'seconds',
    'What each stage took of it.',
    seconds(stageUs),
    { stage: stages },
  ),
  failures: counter(
    'weir_failures_total',
    'attempts',
    'Batches and sends that failed, by the code of docs/errors.md: `store_unavailable`, `model_failed`, `kafka_unavailable`. Retriable ones are tried again.',
    { code: Object.keys(errorKinds) },
  ),
  sends: histogram(
    'weir_send_outcomes',
    'outcomes',
    'Outcomes that one send brought to the decisions topic.',
    [1, 4, 16, 64, 256, 1000],
  ),
} as const

const modelRoles = ['champion', 'challenger']
const modelLabels = {
  model: 'the models in use',
  version: 'their versions',
  role: modelRoles,
}

export const modelMetrics = {
  info: gauge(
    'weir_model_info',
    '1',
    'The models that score, and what computes them: `trees`, or the provider of ONNX Runtime in use. Another than the first of `scoring.providers` needs somebody to look.',
    {
      model: 'the configured models',
      version: 'their versions',
      scorer: '`trees`, and `scoring.providers`',
      role: modelRoles,
    },
  ),
  outcomes: counter(
    'weir_model_outcomes_total',
    'transactions',
    'What each model decided or, of a challenger in shadow, would have.',
    { ...modelLabels, outcome: outcomes },
  ),
  scored: counter(
    'weir_model_scored_total',
    'transactions',
    'Transactions that a model gave a score.',
    modelLabels,
  ),
  scoreSum: counter(
    'weir_model_score_total',
    'sum of scores',
    'Over `weir_model_scored_total` it is the mean score: it moves when a model meets what it was not trained on.',
    modelLabels,
  ),
  unscored: counter(
    'weir_model_unscored_total',
    'transactions',
    'Transactions for which a model gave no number within 0…1. Anything but 0 needs somebody to look.',
    modelLabels,
  ),
  absent: counter(
    'weir_challenger_absent_total',
    'transactions',
    'Transactions without the score of a challenger: no time was left for it (`budget`), or it failed.',
    { ...modelLabels, reason: ['budget', 'failed'] },
  ),
  swaps: counter(
    'weir_model_swaps_total',
    'changes',
    'Changes of the models while the engine ran.',
  ),
  refusals: counter(
    'weir_model_refusals_total',
    'changes',
    'Changes that were refused: the models of before go on, the log says why.',
  ),
} as const

export const storeMetrics = {
  isAway: gauge(
    'weir_store_away',
    '0 or 1',
    '1 while there is no connection to Redis. Calls that only time out are failures.',
  ),
  losses: counter(
    'weir_store_losses_total',
    'times',
    'It was noticed that Redis had lost records, or that offsets began anew: the history of a bucket starts anew, the log says which. Anything but 0 needs somebody to look.',
  ),
  compactions: counter(
    'weir_store_compactions_total',
    'journals',
    'Long journals whose oldest records this process has replaced by sums in Redis.',
  ),
  failedCompactions: counter(
    'weir_store_failed_compactions_total',
    'attempts',
    'Such attempts that Redis refused or did not answer. The journal stays longer and is tried again; while this rises, the memory of Redis and what is read do, too.',
  ),
  journalReads: counter(
    'weir_store_journal_reads_total',
    'journals',
    'Journals that calls to Redis named, each as often as it was named.',
  ),
  heldReads: counter(
    'weir_store_held_reads_total',
    'journals',
    'Of these, those that this process held: only what is new of them comes back.',
  ),
  heldJournals: gauge('weir_store_held_journals', 'journals', 'Journals in this process.'),
  heldBytes: gauge('weir_store_held_bytes', 'bytes', 'Memory of these journals.'),
  calls: counter('weir_store_calls_total', 'batches', 'Batches that the store was asked for.'),
  roundTrips: counter('weir_store_round_trips_total', 'round trips', 'Waits for Redis.'),
  bytesSent: counter('weir_store_sent_bytes_total', 'bytes', 'Written to Redis.'),
  bytesReceived: counter('weir_store_received_bytes_total', 'bytes', 'Read from Redis.'),
} as const

export const streamMetrics = {
  lag: gauge(
    'weir_lag_messages',
    'messages',
    'Messages of the transactions topic without an acknowledged outcome, of the partitions that this engine owns. While the brokers are away it stands still.',
    partition,
  ),
  outbox: gauge(
    'weir_outbox_outcomes',
    'outcomes',
    'Outcomes that are decided and not yet acknowledged.',
    partition,
  ),
  waiting: gauge('weir_waiting_messages', 'messages', 'Messages fetched and not yet decided.'),
  givenUp: counter(
    'weir_order_waits_given_up_total',
    'partitions',
    'Partitions with more in Kafka that did not come within `kafka.order_wait`: younger messages of others were decided first. A leader may be away.',
  ),
} as const

export const sidecarMetrics = {
  calls: counter('weir_calls_total', 'calls', 'Calls whose body was read.'),
  repeats: counter(
    'weir_call_repeats_total',
    'calls',
    'Calls that this process had answered before and answered again from memory.',
  ),
  standIns: counter(
    'weir_call_stand_ins_total',
    'calls',
    'Calls that were due before there was a decision, and got the configured outcome.',
  ),
  shed: counter(
    'weir_calls_refused_total',
    'calls',
    'Calls refused because too many waited, for an answer or for Kafka.',
  ),
  uncounted: counter(
    'weir_calls_uncounted_total',
    'calls',
    'Stand-ins whose transactions were never counted here: too many waited, or no repeat could help. With Kafka the stream counts them.',
  ),
  waiting: gauge('weir_calls_waiting', 'calls', 'Calls without an answer.'),
  late: gauge('weir_call_stand_ins_waiting', 'calls', 'Stand-ins that wait to be counted.'),
  backlog: gauge(
    'weir_call_backlog_messages',
    'messages',
    'Answered calls that the transactions topic has not acknowledged.',
  ),
  backlogBytes: gauge(
    'weir_call_backlog_bytes',
    'bytes',
    'Memory of these; at `http.backlog_bytes_max` calls are refused.',
  ),
  lost: counter(
    'weir_calls_too_large_total',
    'calls',
    'Answered calls that are larger than the transactions topic takes, and are not there.',
  ),
} as const

function counter(
  name: string,
  unit: string,
  help: string,
  labels: MetricDeclaration['labels'] = {},
): MetricDeclaration {
  return { name, type: 'counter', unit, help, labels, buckets: [] }
}

function gauge(
  name: string,
  unit: string,
  help: string,
  labels: MetricDeclaration['labels'] = {},
): MetricDeclaration {
  return { name, type: 'gauge', unit, help, labels, buckets: [] }
}

function histogram(
  name: string,
  unit: string,
  help: string,
  buckets: readonly number[],
  labels: MetricDeclaration['labels'] = {},
): MetricDeclaration {
  return { name, type: 'histogram', unit, help, labels, buckets }
}

function seconds(us: readonly number[]): number[] {
  return us.map((bound) => bound / 1e6)
}
