// When transactions are due: fixed before the first is sent, by a seed, whatever becomes of those before. It reads no clock
// and never looks at answers.
import { Random } from '../../features/generator/random.ts'

/** `poisson`: gaps are exponential. `bursty`: the same mean, a quarter of each second at twice the rate. */
export type Shape = 'poisson' | 'bursty'

export interface Phase {
  readonly perSecond: number
  readonly seconds: number
}

const second = 1e9
const burst = { share: 0.25, factor: 2 }

/** Of all phases one after another: ns since their beginning, ascending. */
export function schedule(phases: readonly Phase[], shape: Shape, seed: number): Float64Array {
  const random = Random.of(seed, 'arrivals')
  const due: number[] = []
  let beganNs = 0
  for (const { perSecond, seconds } of phases) {
    // A process of rate 1, its time stretched so that it has the rate that is asked for.
    for (let sum = random.exponential(1); sum < perSecond * seconds; ) {
      due.push(beganNs + stretch(sum / perSecond, shape) * second)
      sum += random.exponential(1)
    }
    beganNs += seconds * second
  }
  return Float64Array.from(due)
}

/** Seconds of a process with the mean rate 1, as seconds of the shape. */
function stretch(at: number, shape: Shape): number {
  if (shape === 'poisson') return at
  const whole = Math.floor(at)
  const inside = at - whole
  const { share, factor } = burst
  const massOfBurst = share * factor
  if (inside < massOfBurst) return whole + inside / factor
  const slow = (1 - massOfBurst) / (1 - share)
  return whole + share + (inside - massOfBurst) / slow
}
