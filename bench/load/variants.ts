// What is measured under load: streams in open loop, their saturation, overload.
import type { Variant } from '../variant.ts'
import type { Settings } from './saturation.ts'

const full: Settings = {
  work: 'default',
  part: 'curves',
  history: 100_000,
  seconds: 3,
  p99UsMax: 50_000,
  from: 1000,
  halvings: 3,
  tries: 2,
  shares: [0.2, 0.5, 0.8],
  overload: 1.2,
}

const brief: Settings = {
  ...full,
  history: 5000,
  seconds: 1,
  from: 2000,
  halvings: 1,
  tries: 1,
  shares: [0.5],
}

const openLoopAbout =
  'weir stream on a real broker (four partitions, one node) and a real Redis, beside an echo with the same client, settings, topics and length of outcomes that decides nothing; both in turn, twice, at the same rate. From when a transaction was due (Poisson arrivals, carried in the transaction) to when a reader of committed records that ignores repeated source offsets had its outcome decoded: generator, broker and reader are in it. Generator, broker, reader, Redis and engine share the cores; the generator sleeps to within 0.1 ms of each moment, sends what falls due within 0.5 ms together, and its lateness counts as latency. Windows hold thirty days before; of the transactions 1 % are minutes out of order, 0.2 % hours late, 0.3 % repeated and 1 % fraud, in bursts; engine_… is from handed to the pipeline to decisions ready, interpolated within buckets, a batch counts once. A sample of decisions is computed again by hand, from every feature to the outcome.'

export const loadVariants: readonly Variant[] = [
  {
    name: 'stream/open-loop-500',
    script: 'load/open-loop',
    args: ['default', '100000', '500', '4', 'poisson'],
    quick: ['default', '5000', '500', '1', 'poisson'],
    needs: ['redis', 'kafka', 'two cores'],
    about: `500 a second. ${openLoopAbout}`,
  },
  {
    name: 'stream/open-loop-2000',
    script: 'load/open-loop',
    args: ['default', '100000', '2000', '4', 'poisson'],
    quick: ['default', '5000', '2000', '1', 'poisson'],
    needs: ['redis', 'kafka', 'two cores'],
    about: `As stream/open-loop-500, 2,000 a second.`,
  },
  {
    name: 'stream/open-loop-2000-bursty',
    script: 'load/open-loop',
    args: ['default', '100000', '2000', '4', 'bursty'],
    quick: ['default', '5000', '2000', '1', 'bursty'],
    needs: ['redis', 'kafka', 'two cores'],
    about: `As stream/open-loop-500, 2,000 a second in the mean, a quarter of each second at twice that.`,
  },
  {
    name: 'stream/open-loop-standard',
    script: 'load/open-loop',
    args: ['standard', '90000', '2000', '4', 'poisson'],
    quick: ['standard', '5000', '2000', '1', 'poisson'],
    needs: ['redis', 'kafka', 'two cores'],
    about:
      'As stream/open-loop-500, 2,000 a second of the standard work that the peers do: forty features, 100 trees of depth 6. Windows hold a day before.',
  },
  {
    name: 'stream/saturation',
    script: 'load/saturation',
    args: [JSON.stringify({ ...full, part: 'curves' })],
    quick: [JSON.stringify({ ...brief, part: 'curves' })],
    needs: ['redis', 'kafka', 'two cores'],
    about:
      'The highest rate of Poisson arrivals that is held: p99 from due to seen of at most 50 ms, the lag grows by less than 2 % of the rate, nothing lost; found by doubling and halving, three seconds each, a rate has failed when it failed twice. Then Weir and the echo at parts of the rate that Weir held, and the highest rate of the echo. Generator, broker, reader and Redis share the cores with the engine, so it is the rate of the machine, not of an engine.',
  },
  {
    name: 'overload/stream',
    script: 'load/saturation',
    args: [JSON.stringify({ ...full, part: 'overload', seconds: 5 })],
    quick: [JSON.stringify({ ...brief, part: 'overload' })],
    needs: ['redis', 'kafka', 'two cores'],
    about:
      'weir stream at half the rate that it holds (found as in stream/saturation), then at 120 % of it, then at half again, six seconds each: outcomes seen meanwhile as a share of the rate held, how fast the lag grows, memory, and how long after the drop the lag is what it was before.',
  },
  {
    name: 'overload/stream-200',
    script: 'load/saturation',
    args: [JSON.stringify({ ...full, part: 'overload', seconds: 5, overload: 2 })],
    quick: [JSON.stringify({ ...brief, part: 'overload', overload: 2 })],
    needs: ['redis', 'kafka', 'two cores'],
    about:
      'As overload/stream, at 200 % of the rate that it holds, and eighteen seconds at half of it afterwards, since so much more waits by then. The generator takes its share of the cores for twice as many, which is in the outcomes seen.',
  },
  ...[100, 400, 1000].map(sidecarAt),
]

function sidecarAt(perSecond: number): Variant {
  return {
    name: `sidecar/${perSecond}`,
    script: 'load/sidecar',
    args: ['10000', '2', String(perSecond)],
    quick: ['2000', '0.5', String(perSecond)],
    needs: ['redis', 'two cores'],
    about: `weir serve on a real Redis, on TCP and on a Unix socket, beside a node:http server that only reads and writes as many bytes: Poisson arrivals at ${perSecond} a second, each server four times two seconds, in turn, after 10,000 of history; from due to the end of the reply as a process of its own reads it, so the caller is in all of it; it sends on time to a few µs, at a higher priority than what it calls where the system allows that. A p99 is left out where half of it was the caller’s own lateness. Engine, Redis and caller share the cores. A sample of decisions is computed again by hand.`,
  }
}
