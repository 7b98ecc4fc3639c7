// The topics of a deployment: made where they are missing, and checked against each other. Existing ones are never changed.
import { EngineError } from '../errors.ts'
import { type Admin, asEngineError, type ITopicConfig } from './kafka.ts'
import type { SinkTopics } from './sink.ts'

export interface TopicWishes {
  /** Of a new transactions topic; null: the brokers' default. */
  readonly partitions: number | null
  readonly replicas: number | null
  /** Only look. */
  readonly isCheckOnly: boolean
}

/** What is there, and what does not fit, a sentence each. */
export interface TopicReport {
  /** Partitions by topic; null where it is missing. */
  readonly partitions: ReadonlyMap<string, number | null>
  readonly created: readonly string[]
  readonly faults: readonly string[]
}

/** Creates what is missing and checks the rest. Rejects with EngineError when the brokers cannot be asked. */
export async function createOrCheckTopics(
  admin: Admin,
  topics: DeploymentTopics,
  wishes: TopicWishes,
): Promise<TopicReport> {
  const before = await countPartitions(admin, topics)
  const created = wishes.isCheckOnly ? [] : await createMissing(admin, topics, wishes, before)
  const partitions = created.length > 0 ? await countCreated(admin, topics, created) : before
  return { partitions, created, faults: findFaults(topics, partitions) }
}

/** `labels` is empty or left out where there is no topic of labels. */
export interface DeploymentTopics extends SinkTopics {
  readonly labels?: string
}

function namesOf({ transactions, decisions, deadLetters, labels }: DeploymentTopics): string[] {
  return [transactions, decisions, deadLetters, labels ?? ''].filter((topic) => topic !== '')
}

/** Partitions of the topics; null where one is missing. */
export async function countPartitions(
  admin: Admin,
  topics: DeploymentTopics,
): Promise<Map<string, number | null>> {
  try {
    const existing = await admin.listTopics()
    const all = namesOf(topics)
    const there = all.filter((topic) => existing.includes(topic))
    const counts = new Map<string, number | null>(all.map((topic) => [topic, null]))
    if (there.length === 0) return counts
    const metadata = await admin.fetchTopicMetadata({ topics: there })
    for (const { name, partitions } of metadata.topics) counts.set(name, partitions.length)
    return counts
  } catch (cause) {
    throw asEngineError('asking for the topics', cause)
  }
}

/** Throws EngineError `topic_unfit` when the topics cannot serve a stream. */
export function requireFit(
  topics: DeploymentTopics,
  partitions: ReadonlyMap<string, number | null>,
): void {
  const faults = findFaults(topics, partitions)
  if (faults.length > 0) throw new EngineError('topic_unfit', faults.join('; '))
}

function findFaults(
  topics: DeploymentTopics,
  partitions: ReadonlyMap<string, number | null>,
): string[] {
  const { transactions, decisions } = topics
  const faults: string[] = []
  for (const topic of namesOf(topics)) {
    if ((partitions.get(topic) ?? null) === null)
      faults.push(`${topic}: expected a topic, found none`)
  }
  if ([transactions, decisions].includes(topics.labels ?? '')) {
    faults.push(`${topics.labels}: expected a topic of labels alone, found it named twice`)
  }
  const input = partitions.get(transactions) ?? null
  const output = partitions.get(decisions) ?? null
  if (input !== null && output !== null && input !== output) {
    faults.push(
      `${decisions}: expected ${input} partitions as ${transactions} has, found ${output}`,
    )
  }
  return faults
}

async function createMissing(
  admin: Admin,
  topics: DeploymentTopics,
  { partitions, replicas }: TopicWishes,
  counts: ReadonlyMap<string, number | null>,
): Promise<string[]> {
  const created: string[] = []
  const create = async (
    topic: string,
    numPartitions: number,
    more: Partial<ITopicConfig>,
  ): Promise<void> => {
    if (counts.get(topic) !== null) return
    const replicationFactor = replicas ?? -1
    try {
      await admin.createTopics({
        waitForLeaders: false,
        timeout: createMsMax,
        topics: [{ topic, numPartitions, replicationFactor, ...more }],
      })
      created.push(topic)
    } catch (cause) {
      throw asEngineError(`creating ${topic}`, cause)
    }
  }
  await create(topics.transactions, partitions ?? -1, {})
  const now = await countCreated(admin, topics, created)
  const mirrored = now.get(topics.transactions) ?? 1
  // As long as the input is kept, a new owner must find where the output ends.
  const keep = { configEntries: [{ name: 'cleanup.policy', value: 'delete' }] }
  await create(topics.decisions, mirrored, keep)
  await create(topics.deadLetters, 1, keep)
  if (topics.labels) await create(topics.labels, mirrored, {})
  return created
}

/** Brokers learn of new topics one after another, and the one that made them is not always first. */
async function countCreated(
  admin: Admin,
  topics: DeploymentTopics,
  created: readonly string[],
): Promise<Map<string, number | null>> {
  for (let waitedMs = 0; ; waitedMs += askAgainMs) {
    try {
      const counts = await countPartitions(admin, topics)
      if (created.every((topic) => counts.get(topic) !== null)) return counts
    } catch (error) {
      if (waitedMs >= createMsMax) throw error
    }
    if (waitedMs >= createMsMax) {
      throw new EngineError('kafka_unavailable', `creating ${created.join(', ')}: not there yet`)
    }
    await new Promise((resolve) => setTimeout(resolve, askAgainMs))
  }
}

/** Brokers that are starting or busy take their time. */
const createMsMax = 30_000
const askAgainMs = 100
