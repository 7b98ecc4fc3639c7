// Seeded chance: one small generator and the draws that the generator's models need. Never `Math.random`.
import { exp, ln, normalQuantile } from './exact-math.ts'

const unit = 2 ** -32

/**
 * xoshiro128** 1.1 (D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021;
 * prng.di.unimi.it/xoshiro128starstar.c): 128 bits of state, period 2^128 − 1, 32 bits a draw.
 */
export class Random {
  readonly #state: Int32Array

  /** `state` must not be all zero; it is used as given, not copied. */
  constructor(state: Int32Array) {
    this.#state = state
  }

  /** The stream `name` of a seed. Streams are unrelated: draws from one leave all others as they were. */
  static of(seed: number, name: string): Random {
    let hash = mix((seed >>> 0) ^ mix(Math.floor(seed / 4294967296)))
    for (let index = 0; index < name.length; index++) {
      hash = mix(Math.imul(hash, 31) + name.charCodeAt(index))
    }
    const state = new Int32Array(4)
    for (let index = 0; index < 4; index++) {
      hash = (hash + 0x9e3779b9) | 0
      state[index] = mix(hash)
    }
    if (state.every((word) => word === 0)) state[0] = 1
    return new Random(state)
  }

  /** A signed 32-bit integer. */
  bits(): number {
    const s = this.#state
    const s1 = s[1]!
    const scaled = Math.imul(s1, 5)
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9)
    const shifted = s1 << 9
    const s2 = s[2]! ^ s[0]!
    const s3 = s[3]! ^ s1
    s[1] = s1 ^ s2
    s[0] = s[0]! ^ s3
    s[2] = s2 ^ shifted
    s[3] = (s3 << 11) | (s3 >>> 21)
    return result
  }

  /** In [0, 1), of 2^32 steps. */
  uniform(): number {
    return (this.bits() >>> 0) * unit
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform()
  }

  chance(probability: number): boolean {
    return this.uniform() < probability
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.uniform() * count)
  }

  exponential(mean: number): number {
    return -ln(((this.bits() >>> 0) + 1) * unit) * mean
  }

  normal(): number {
    return normalQuantile(((this.bits() >>> 0) + 0.5) * unit)
  }

  lognormal(median: number, sigma: number): number {
    return median * exp(sigma * this.normal())
  }

  /** A whole number of the Poisson distribution, for means up to some tens (Knuth's product). */
  poisson(mean: number): number {
    const limit = exp(-mean)
    let product = this.uniform()
    let count = 0
    while (product > limit && count < 1000) {
      product *= this.uniform()
      count++
    }
    return count
  }
}

/** A bijection of 32-bit integers whose output looks random (the finaliser of MurmurHash3, A. Appleby). */
export function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
