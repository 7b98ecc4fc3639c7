// Answers calls: those that are there share a batch of the one pipeline, each is answered by its deadline, and what was once
// answered stays the answer. It never waits for a batch to fill, and no failure of a dependency reaches a caller.
import type { Answer, AnswerAddress } from '../../features/answer.ts'
import type { StandIn } from '../core/decision.ts'
import { decisionBatchRowsMax } from '../core/limits.ts'
import type { OutcomeName } from '../core/policy.ts'
import type { Answers, Clock, Log, Message, Outcome, Outflow } from '../core/ports.ts'
import { codeOf, errorKinds } from '../errors.ts'
import { Call } from './call.ts'
import { type Intake, noSource } from './intake.ts'
import type { KeptAnswers } from './kept-answers.ts'
import { busyReply, conflictReply, documentReply, problemReply, type Reply } from './reply.ts'
import { Waiting } from './waiting.ts'

/** The pipeline, as far as calls need it. */
export interface Decider {
  process(messages: readonly Message[]): Promise<Outcome[]>
  standIn(known: StandIn): string
}

export interface SidecarParts {
  readonly pipeline: Decider
  readonly intake: Intake
  /** This process' answers, looked at first. */
  readonly kept: KeptAnswers
  /** Those of all replicas; null where there is only this one. */
  readonly shared: Answers | null
  readonly outflow: Outflow | null
  readonly standInOutcome: OutcomeName
  /** Calls that wait for their answer, and stand-ins that wait to be counted: at most so many of each. */
  readonly waitingMax: number
  readonly clock: Clock
  readonly log: Log
}

/** One HTTP request, as far as deciding goes. */
export interface Request {
  readonly body: Uint8Array
  readonly arrivedMs: number
  /** Until when it must be answered, on the monotonic clock. */
  readonly dueUs: number
  readonly traceparent: string | null
}

/** Counts since the start, and what waits now. */
export interface SidecarStats {
  /** Calls that have no answer yet. */
  readonly waiting: number
  /** Stand-ins that wait to be counted. */
  readonly late: number
  readonly calls: number
  readonly repeats: number
  readonly standIns: number
  /** Refused because too many waited. */
  readonly shed: number
  /** Stand-ins that never got into the journals. */
  readonly uncounted: number
  readonly batches: number
}

/** How long a failed batch rests: long enough to be cheap, short enough that the next calls are not lost to it. */
const retryPauseMs = 10
/** How often another replica's answer is looked for, in the end. */
const lookPauseMsMax = 4
/** An answer goes out this much before it is due: a timer is late by up to a millisecond, and writing takes time. */
const marginMs = 2

export class Sidecar {
  readonly #parts: SidecarParts
  readonly #queue: Waiting
  readonly #counts = { calls: 0, repeats: 0, standIns: 0, shed: 0, uncounted: 0, batches: 0 }
  readonly #settling = new Set<Promise<void>>()
  #open = 0
  #isAway = false
  #isStopping = false
  #isRunning = false
  #running = Promise.resolve()

  constructor(parts: SidecarParts) {
    this.#parts = parts
    this.#queue = new Waiting(parts.waitingMax)
  }

  get stats(): SidecarStats {
    const { late, dropped } = this.#queue
    const uncounted = this.#counts.uncounted + dropped
    return { ...this.#counts, uncounted, waiting: this.#open, late }
  }

  /** Takes a place for a call before its body is read. Null: it may come in, and `leave` must follow. */
  enter(): Reply | null {
    const { waitingMax, outflow } = this.#parts
    const hasRoom = outflow === null || outflow.hasRoom
    if (hasRoom && this.#open < waitingMax) {
      this.#open++
      return null
    }
    this.#counts.shed++
    if (!hasRoom) return backlogFull
    const expected = `at most ${waitingMax} calls at once`
    return busyReply({ reason: 'overloaded', field: '$', expected, found: 'one more' })
  }

  leave(): void {
    this.#open--
  }

  /** Resolves to the reply by `dueUs`; never rejects. */
  answer(request: Request): Promise<Reply> {
    const { intake, kept, clock } = this.#parts
    this.#counts.calls++
    const known = intake.read(request.body, request.arrivedMs)
    if ('reason' in known) return Promise.resolve(problemReply(400, known))
    const before = known.isTransaction ? kept.get(known.address) : null
    if (before !== null) {
      this.#counts.repeats++
      return Promise.resolve(replyOf(before, known.fingerprint, known.id))
    }
    const message: Message = {
      partition: noSource,
      offset: noSource,
      key: Buffer.from(known.primaryId),
      value: request.body,
      timestampMs: request.arrivedMs,
      traceparent: request.traceparent,
      answer: null,
    }
    const nowUs = clock.monotonicUs()
    const call = new Call(known, message, (nowUs + request.dueUs) / 2)
    const leftMs = (request.dueUs - nowUs) / 1000 - marginMs
    const timer = setTimeout(() => {
      this.#due(call)
    }, leftMs)
    this.#queue.add(call)
    this.#start()
    return call.reply.finally(() => {
      clearTimeout(timer)
    })
  }

  /** The stored answer at an address, by `dueUs`. Never rejects. */
  async find(address: AnswerAddress, dueUs: number): Promise<Reply> {
    const { kept, shared, clock } = this.#parts
    const before = kept.get(address)
    if (before !== null || shared === null) return before ? documentReply(before.body) : noAnswer
    const leftMs = (dueUs - clock.monotonicUs()) / 1000 - marginMs
    let timer: NodeJS.Timeout | undefined
    const due = new Promise<Reply>((resolve) => {
      timer = setTimeout(() => {
        resolve(answersAway)
      }, leftMs)
    })
    const found = shared.find([address]).then(
      ([answer]) => (answer ? documentReply(answer.body) : noAnswer),
      () => answersAway,
    )
    return Promise.race([found, due]).finally(() => {
      clearTimeout(timer)
    })
  }

  /** Resolves once every call is answered and what can be counted is. Calls that still come are answered too. */
  async drain(): Promise<void> {
    this.#isStopping = true
    while (this.#isRunning || this.#settling.size > 0) {
      await this.#running
      await Promise.all(this.#settling)
    }
    // What has just been answered flows out first.
    await nextTurn()
  }

  #start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#running = this.#run()
  }

  /** One batch after the other for as long as calls wait. */
  async #run(): Promise<void> {
    for (;;) {
      const batch = this.#queue.take(decisionBatchRowsMax)
      if (batch.length === 0) break
      this.#counts.batches++
      try {
        const outcomes = await this.#parts.pipeline.process(batch.map(({ message }) => message))
        if (this.#isAway) this.#parts.log.warn({}, 'decisions are whole again')
        this.#isAway = false
        this.#settle(batch, outcomes)
      } catch (error) {
        this.#fail(batch, error)
        await pause()
      }
    }
    // At once: a call that comes now must find that nobody runs.
    this.#isRunning = false
  }

  /** Sends the answers of a batch and keeps them, while the next batch is on its way. */
  #settle(batch: readonly Call[], outcomes: readonly Outcome[]): void {
    const { kept, shared } = this.#parts
    const firsts: Call[] = []
    const repeats: Call[] = []
    for (const [at, call] of batch.entries()) {
      const { type, value, reject, earlier } = outcomes[at]!
      const { address, fingerprint, isTransaction } = call.known
      call.isCounted = true
      if (type === 'rejected') {
        call.send(problemReply(reject?.reason === 'id_conflict' ? 409 : 400, reject!))
      } else if (!isTransaction) {
        call.send(documentReply(value))
        this.#flowOut(call.message, null)
      } else {
        const before = call.answer ?? kept.get(address)
        call.candidate = before ?? { ...address, fingerprint, body: value }
        call.earlier = earlier
        // Whoever brings a transaction first is its answer, or was already.
        const isFirst = before !== null || earlier === 'nobody' || shared === null
        if (isFirst) this.#send(call, call.candidate)
        ;(isFirst ? firsts : repeats).push(call)
      }
    }
    if (shared === null) return
    // Their replies are written first: sending to Redis costs as much as that.
    if (firsts.length > 0) this.#await(nextTurn().then(() => this.#keep(firsts, shared)))
    if (repeats.length > 0) this.#await(this.#repeat(repeats, shared))
  }

  /** Keeps what calls were or will be answered. Those without an answer get what is kept by then. */
  async #keep(calls: readonly Call[], shared: Answers): Promise<void> {
    try {
      const answers = await shared.keep(calls.map(({ candidate }) => candidate!))
      for (const [at, call] of calls.entries()) this.#send(call, answers[at]!)
    } catch (error) {
      // Decided and counted, but not where other replicas look: answered from here, and kept there once it comes again.
      for (const call of calls) this.#send(call, call.candidate!)
      this.#parts.log.warn({ error }, 'answers are not kept for other replicas')
      if (!isRetriable(error)) return
      await pause()
      this.#again(calls)
    }
  }

  /** Another replica has the transaction, and keeps its answer in a moment; unless it died, which half the time left tells. */
  async #repeat(calls: readonly Call[], shared: Answers): Promise<void> {
    let open = calls
    for (let pauseMs = 1; ; pauseMs *= 2) {
      const found = await shared
        .find(open.map(({ known }) => known.address))
        .catch(() => open.map(() => null))
      for (const [at, call] of open.entries()) {
        const answer = found[at] ?? null
        if (answer !== null) this.#send(call, answer)
      }
      open = open.filter(({ isAnswered }) => !isAnswered)
      const nowUs = this.#parts.clock.monotonicUs()
      const given = open.filter(
        ({ earlier, patienceUs }) => earlier === 'message' || patienceUs <= nowUs,
      )
      if (given.length > 0) await this.#keep(given, shared)
      open = open.filter((call) => !given.includes(call))
      if (open.length === 0) return
      await pause(Math.min(pauseMs, lookPauseMsMax))
    }
  }

  #await(settled: Promise<void>): void {
    const settling = settled.finally(() => this.#settling.delete(settling))
    this.#settling.add(settling)
  }

  #fail(batch: readonly Call[], error: unknown): void {
    if (!this.#isAway) this.#parts.log.error({ error }, 'decisions stand in')
    this.#isAway = true
    if (isRetriable(error)) this.#again(batch)
    else this.#giveUp(batch)
  }

  /** Whoever stops would wait for a dependency that may never come back. */
  #again(calls: readonly Call[]): void {
    if (this.#isStopping) {
      this.#giveUp([...calls, ...this.#queue.takeLate()])
      return
    }
    this.#queue.putBack(calls)
    this.#start()
  }

  #giveUp(calls: readonly Call[]): void {
    for (const call of calls) this.#due(call)
    this.#counts.uncounted += calls.filter(({ isCounted }) => !isCounted).length
  }

  /** The deadline is here: what is known goes out. */
  #due(call: Call): void {
    if (call.isAnswered) return
    if (call.candidate !== null) this.#send(call, call.candidate)
    else if (call.known.isTransaction) this.#standIn(call)
    else call.send(notRecorded)
    this.#queue.demote(call)
  }

  #standIn(call: Call): void {
    const { pipeline, standInOutcome } = this.#parts
    const { address, fingerprint, id, tenant, timeMs, hasNoRate } = call.known
    this.#counts.standIns++
    const body = pipeline.standIn({
      id,
      tenant,
      timeMs,
      hasNoRate,
      partition: noSource,
      offset: noSource,
      outcome: standInOutcome,
    })
    this.#send(call, { ...address, fingerprint, body })
  }

  #send(call: Call, answer: Answer): void {
    if (call.isAnswered) return
    const { kept } = this.#parts
    const isFirst = kept.get(answer) === null
    const first = kept.first(answer)
    call.answer = first
    call.send(replyOf(first, call.known.fingerprint, call.known.id))
    if (isFirst && first.fingerprint === call.known.fingerprint) this.#flowOut(call.message, first)
  }

  /** After the reply: nobody waits for it. */
  #flowOut(message: Message, answer: Answer | null): void {
    const { outflow } = this.#parts
    if (outflow === null) return
    setImmediate(() => {
      outflow.take(message, answer)
    })
  }
}

function isRetriable(error: unknown): boolean {
  return errorKinds[codeOf(error)].isRetriable
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function pause(ms = retryPauseMs): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function replyOf(answer: Answer, fingerprint: string, id: string): Reply {
  if (answer.fingerprint !== fingerprint) return conflictReply
  const location = `/v1/decisions/${answer.primary}/${encodeURIComponent(id.toWellFormed())}`
  return documentReply(answer.body, { location })
}

const backlogFull = busyReply({
  reason: 'backlog_full',
  field: '$',
  expected: 'room for calls on their way to Kafka (http.backlog_bytes_max)',
  found: 'none: Kafka is away or slow',
})
const notRecorded = busyReply({
  reason: 'not_recorded',
  field: '$',
  expected: 'labels, reversals and declines to be in the journals within the deadline',
  found: 'no reply from the store: send it again',
})
const answersAway = busyReply({
  reason: 'answers_away',
  field: '$',
  expected: 'the answers of all replicas within the deadline',
  found: 'no reply from the store: ask again',
})
const noAnswer = problemReply(404, {
  reason: 'no_answer',
  field: 'path',
  expected: 'the Location of a decision within the horizon',
  found: 'nothing there',
})
