// Every setting of Weir, declared once. Types, checks, environment variables, docs/configuration.md and
// docs/weir.schema.json all follow from this table.
import {
  bytes,
  choice,
  duration,
  flag,
  integer,
  list,
  path,
  paths,
  seats,
  secret,
  socket,
  text,
  url,
} from './setting.ts'
import type { SettingTree } from './setting-tree.ts'

const second = 1000
const minute = 60 * second
const day = 24 * 60 * minute
const mebibyte = 2 ** 20

/** Kafka's own rule for the name of a topic or group. */
const topicName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/
const topicRule = '1 to 249 of letters, digits, dot, dash and underscore'
const hostRule = 'host:port, for several a list'
const hostPort = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([1-9]\d{0,4})$/

function topic(initial: string, help: string) {
  return text({ initial, help }, topicName, topicRule)
}

export const settings = {
  source: path(
    {
      initial: null,
      initialText: "the generator's mapping",
      help: 'Mapping of the transactions that come in: which field is the id, the time, the amount, the entities.',
    },
    'file',
  ),
  catalog: paths(
    {
      initial: [],
      initialText: 'the shipped catalog',
      help: 'The features to compute: one catalog, or several at once, which share what they share.',
    },
    'file',
  ),
  models: seats({
    initial: [],
    initialText: 'the shipped model',
    help: 'Model folders. The first is the champion and decides; the others are challengers, which score beside it, or with a share behind them (`models/cards-v4@5%`) decide for that part of the entities.',
  }),
  modelsFolder: path(
    {
      initial: null,
      help: 'Folder of model folders whose `lineup.json` says which of them score, and goes before `models`. It is watched: a change takes effect without a restart.',
    },
    'folder',
  ),
  rolloutBy: text(
    {
      initial: '',
      initialText: 'the primary entity',
      help: 'Entity by whose id a challenger with a share gets its transactions: all of one id go to the same model.',
    },
    /^$|^[A-Za-z][A-Za-z0-9_]{0,63}$/,
    'the kind of an entity',
  ),
  policy: path(
    {
      initial: null,
      initialText: "the model's own thresholds",
      help: 'Lists, rules and thresholds that turn a score into an outcome.',
    },
    'file',
  ),
  scoring: {
    providers: list(
      {
        initial: ['cpu'],
        help: 'Execution providers of ONNX Runtime: a model runs on the first that takes it, and on the next one when that fails. The same for every engine of a deployment; end with cpu, which is always there.',
      },
      'list of providers',
      /^(cpu|cuda|tensorrt|webgpu|dml|coreml)$/,
      'some of cpu, cuda, tensorrt, webgpu, dml, coreml',
    ),
    batchMax: integer(
      {
        initial: 64,
        help: 'Most rows of one call to a model; more for a GPU, where a call costs and a row hardly. The same for every engine of a deployment.',
      },
      'rows',
      { min: 1, max: 256 },
    ),
  },
  decisions: {
    features: choice(
      {
        initial: 'all',
        help: 'What decisions say of their features: the value of each, or none, which halves a decision of the shipped catalog. Evidence has its values either way. A replay that is compared byte for byte needs the same.',
      },
      ['all', 'none'],
    ),
  },
  hashKey: secret(
    {
      initial: null,
      help: 'Key under which ids are hashed, so that no raw id is stored; the same for every engine of a deployment. Prefer the environment or hash_key_file.',
    },
    /^([0-9a-fA-F]{2}){16,128}$/,
    'an even number of hex digits, 32 to 256',
  ),
  hashKeyFile: path(
    {
      initial: null,
      help: 'File with the hash key in hex, for mounted secrets. hash_key goes first.',
    },
    'file',
  ),
  kafka: {
    brokers: list(
      {
        initial: [],
        initialText: 'none: the stream runs embedded',
        environment: 'KAFKA_BROKERS',
        help: 'Brokers to begin with. Without any, `weir stream` reads a file or the generator.',
      },
      'list of host:port',
      hostPort,
      hostRule,
    ),
    transactions: topic('transactions', 'Topic that is read.'),
    decisions: topic('decisions', 'Topic that mirrors it: one outcome for each transaction.'),
    deadLetters: topic('dead-letters', 'Topic for messages that are no transactions.'),
    labels: text(
      {
        initial: '',
        initialText: 'none',
        help: 'Topic of labels, reversals and declines beside the transactions, in the form of the same mapping.',
      },
      /^$|^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
      topicRule,
    ),
    group: text({ initial: 'weir', help: 'Consumer group.' }, topicName, topicRule),
    clientId: text(
      { initial: 'weir', help: 'Name in the brokers’ logs and quotas.' },
      topicName,
      topicRule,
    ),
    commitIntervalMs: duration(
      {
        name: 'commit_interval',
        initial: second,
        help: 'How often offsets are committed, always behind acknowledged decisions.',
      },
      { min: 50, max: minute },
    ),
    sendBatchMax: integer(
      { initial: 1000, help: 'Most decisions of one send; one send is in flight per partition.' },
      'messages',
      { min: 1, max: 1000 },
    ),
    fetchBytesMax: bytes(
      { initial: 4 * mebibyte, help: 'Most bytes of one fetch over all partitions.' },
      { min: 64 * 1024, max: 256 * mebibyte },
    ),
    fetchWaitMs: duration(
      {
        name: 'fetch_wait',
        initial: 50,
        help: 'How long a broker holds back an empty fetch; also the longest wait after a pause.',
      },
      { min: 1, max: 5 * second },
    ),
    orderWaitMs: duration(
      { name: 'order_wait', initial: second, help: 'Longest wait for a partition that has more.' },
      { min: 0, max: minute },
    ),
    outboxMax: integer(
      {
        initial: 20_000,
        help: 'Decisions of one partition that wait for acknowledgement before its reading pauses.',
      },
      'decisions',
      { min: 1000, max: 1_000_000 },
    ),
    requestTimeoutMs: duration(
      { name: 'request_timeout', initial: 30 * second, help: 'When a broker counts as silent.' },
      { min: second, max: 5 * minute },
    ),
    sessionTimeoutMs: duration(
      {
        name: 'session_timeout',
        initial: 10 * second,
        help: 'Silence after which partitions go to another engine.',
      },
      { min: second, max: 5 * minute },
    ),
    ssl: {
      enabled: flag({ initial: false, help: 'Encrypt the connections.' }),
      ca: path({ initial: null, help: 'Certificate authority, PEM.' }, 'file'),
      certificate: path({ initial: null, help: 'Client certificate, PEM.' }, 'file'),
      key: path({ initial: null, help: 'Key of the client certificate, PEM.' }, 'file'),
    },
    sasl: {
      mechanism: choice({ initial: 'none', help: 'How the engine signs in.' }, [
        'none',
        'plain',
        'scram-sha-256',
        'scram-sha-512',
      ]),
      username: text(
        { initial: '', help: 'User.' },
        /^[\x20-\x7e]{0,256}$/,
        'up to 256 characters',
      ),
      password: secret({ initial: null, help: 'Password.' }, /^.{1,1024}$/s, 'a password'),
    },
  },
  redis: {
    url: url(
      {
        initial: 'redis://127.0.0.1:6379',
        environment: 'REDIS_URL',
        help: 'Where journals live: one Redis, or some nodes of a Redis Cluster, separated by commas (one is enough). All must run with maxmemory-policy noeviction.',
      },
      'redis:// or rediss:// URLs, separated by commas, or the absolute path of a socket; no query',
      isRedisUrl,
    ),
    buckets: integer(
      {
        initial: 1,
        help: 'Groups of keys that one call can reach; fixed for a deployment. 1 on a single Redis, where each transaction is then one atomic step; on a cluster about eight for each master that it will ever have.',
      },
      'buckets',
      { min: 1, max: 4096 },
    ),
    ttlMs: duration(
      {
        name: 'ttl',
        initial: 60 * day,
        help: 'When an idle journal expires: at least the longest window, its delay, a day, and the retention of the transactions topic.',
      },
      { min: minute, max: 3650 * day },
    ),
    heldBytesMax: bytes(
      {
        initial: 256 * mebibyte,
        help: 'Memory of the engine for journals it has seen, so that only their new ends are read.',
      },
      { min: mebibyte, max: 64 * 1024 * mebibyte },
    ),
    commandTimeoutMs: duration(
      {
        name: 'command_timeout',
        initial: 500,
        help: 'When a call to Redis counts as lost and is sent again.',
      },
      { min: 5, max: minute },
    ),
  },
  budget: {
    batchMax: integer(
      { initial: 64, help: 'Most transactions decided together while the stream keeps up.' },
      'transactions',
      { min: 1, max: 256 },
    ),
    workUs: integer(
      { initial: 400, help: 'Work after which a batch is closed, as far as it can be estimated.' },
      'µs',
      { min: 50, max: 100_000 },
    ),
    challengersMs: duration(
      {
        name: 'challengers',
        initial: 5,
        help: 'Time of a batch within which challengers must score: what would end later is left out, and the decision says so.',
      },
      { min: 1, max: 5 * second },
    ),
    deadlineMs: duration(
      {
        name: 'deadline',
        initial: 20,
        help: 'When the answer to a call must be out, where the call does not say so itself.',
      },
      { min: 1, max: 5 * second },
    ),
  },
  admin: {
    port: integer(
      {
        initial: 0,
        initialText: 'none',
        environment: 'WEIR_ADMIN_LISTEN_PORT',
        help: 'Port on 127.0.0.1 for changing models while the engine runs (`POST /admin/models/{name}`).',
      },
      'port',
      { min: 0, max: 65_535 },
    ),
  },
  // Kubernetes sets WEIR_HTTP_PORT and the like for a Service of the name weir-http: these names keep clear of it.
  http: {
    host: text(
      {
        initial: '127.0.0.1',
        environment: 'WEIR_LISTEN_HOST',
        help: 'Address that `weir serve` listens on; where it is set, `weir stream` too, for probes and scrapes.',
      },
      /^[A-Za-z0-9.:-]{1,253}$/,
      'a host name or address',
    ),
    port: integer(
      {
        initial: 8080,
        environment: 'WEIR_LISTEN_PORT',
        help: 'Port that `weir serve` listens on; where it is set, `weir stream` too, for probes and scrapes.',
      },
      'port',
      { min: 1, max: 65_535 },
    ),
    socket: socket({
      initial: null,
      help: 'Unix socket that is listened on too: for callers on the same machine, and cheaper than a port.',
    }),
    standIn: choice(
      {
        initial: 'review',
        help: 'The outcome of a call whose answer is due before there is a decision: Redis away, or too slow.',
      },
      ['approve', 'review', 'deny'],
    ),
    waitingMax: integer(
      {
        initial: 1024,
        help: 'Most calls at once; further ones are refused with 429. Also the most stand-ins that wait to be counted.',
      },
      'calls',
      { min: 1, max: 100_000 },
    ),
    horizonMs: duration(
      {
        name: 'horizon',
        initial: day,
        help: 'How long an answer is kept, so that a retry gets the same one.',
      },
      { min: minute, max: 30 * day },
    ),
    answerBytesMax: bytes(
      {
        initial: 64 * mebibyte,
        help: 'Memory for answers in the process; with Redis, all of them are there too.',
      },
      { min: mebibyte, max: 64 * 1024 * mebibyte },
    ),
    backlogBytesMax: bytes(
      {
        initial: 64 * mebibyte,
        help: 'Memory for answered calls that Kafka has not acknowledged; when it is full, further calls are refused with 429.',
      },
      { min: mebibyte, max: 64 * 1024 * mebibyte },
    ),
    requestTimeoutMs: duration(
      {
        name: 'request_timeout',
        initial: 5 * second,
        help: 'How long the headers of a call may take, and then its body.',
      },
      { min: 100, max: minute },
    ),
  },
  log: {
    level: choice(
      {
        initial: 'warn',
        help: 'Least severity that is logged, to stderr, as JSON lines. Normal operation logs nothing above info.',
      },
      ['debug', 'info', 'warn', 'error', 'silent'],
    ),
  },
} as const satisfies SettingTree

function isRedisUrl(raw: string): boolean {
  if (raw.startsWith('/')) return /^\/[^/?][^?]*$/.test(raw)
  return raw.split(/,(?=rediss?:\/\/)/).every(isUrlOfNode)
}

function isUrlOfNode(raw: string): boolean {
  if (!/^rediss?:\/\//.test(raw) || !URL.canParse(raw)) return false
  // A query would override any option of the client.
  const { hostname, search, pathname } = new URL(raw)
  return hostname !== '' && search === '' && /^(\/\d{0,4})?$/.test(pathname)
}
