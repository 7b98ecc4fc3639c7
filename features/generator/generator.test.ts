// What the generated stream promises: the same bytes for a seed, rates as asked, every pattern of fraud, and a world that
// looks like one. Measured on 200,000 rows, about 23 days.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDocument } from '../../engine/document.ts'
import { compileMapping } from '../mapping.ts'
import { Transaction, Verdict } from '../transaction.ts'
import {
  atRate,
  checkParameters,
  defaultParameters,
  evaluationParameters,
  type GeneratedTransaction,
  type GeneratorParameters,
  generate,
  generateJsonLines,
  patterns,
  writeRow,
} from './generator.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000

function hashOf(parameters: GeneratorParameters): string {
  const hash = createHash('sha256')
  for (const line of generateJsonLines(parameters)) hash.update(line)
  return hash.digest('hex').slice(0, 16)
}

function withRows(rows: number, parameters = defaultParameters): GeneratorParameters {
  return { ...parameters, rows }
}

describe('a seed', () => {
  test('gives the same bytes every time, on every machine', () => {
    const parameters = withRows(20_000)
    const hash = hashOf(parameters)
    assert.equal(hashOf(parameters), hash)
    // The shipped model was fitted on this stream: whoever changes it fits the model anew (npm run fit).
    assert.equal(hash, '729a749b52e45d14')
  })

  test('an iterable begins anew each time it is read, and fewer rows are a prefix of more', () => {
    const stream = generate(withRows(500))
    const [one, two] = [[...stream], [...stream]]
    assert.deepEqual(one, two)
    assert.deepEqual([...generate(withRows(200))], one.slice(0, 200))
  })

  test('other seeds and the evaluation set are other streams', () => {
    const hashes = [
      hashOf(withRows(2000)),
      hashOf({ ...withRows(2000), seed: 2 }),
      hashOf({ ...withRows(2000), seed: 2 ** 32 + 1 }),
      hashOf(withRows(2000, evaluationParameters)),
      hashOf({ ...withRows(2000, evaluationParameters), seed: defaultParameters.seed }),
    ]
    assert.equal(new Set(hashes).size, hashes.length)
  })

  test('the evaluation set differs in how the fraudsters work, not only in its seed', () => {
    const { fraud } = evaluationParameters
    for (const pattern of ['cardTesting', 'stolenCard', 'accountTakeover', 'bustOut'] as const) {
      assert.notDeepEqual(fraud[pattern], defaultParameters.fraud[pattern], pattern)
    }
    assert.deepEqual(evaluationParameters.population, defaultParameters.population)
  })
})

const all = [...generate(withRows(200_000))]
const first = all.filter(({ isDuplicate }) => !isDuplicate)
const honest = first.filter(({ isFraud }) => !isFraud)
const frauds = first.filter(({ isFraud }) => isFraud)

function share(of: readonly unknown[], all: readonly unknown[]): number {
  return of.length / all.length
}

function assertNear(found: number, expected: number, tolerance: number): void {
  const off = Math.abs(found / expected - 1)
  assert.ok(off <= tolerance, `expected ${expected} ± ${tolerance * 100} %, found ${found}`)
}

describe('rows', () => {
  test('each is the line of JSON that JSON.stringify would write, and the mapping takes every one', () => {
    const file = fileURLToPath(import.meta.resolve('#root/features/generator/mapping.yaml'))
    const mapping = compileMapping(parseDocument(file, readFileSync(file)))
    const parser = mapping.parser()
    const out = new Transaction(mapping.schema.entities.length, mapping.schema.fields.length)
    for (const { row, timeMs, arrivalMs } of all.slice(0, 20_000)) {
      const line = writeRow(row)
      assert.equal(line, JSON.stringify(row))
      assert.equal(parser.parse(Buffer.from(line), Number.NaN, out), null, line)
      assert.deepEqual([out.timeMs, out.receivedMs], [timeMs, arrivalMs])
      assert.equal(out.verdict, ['', '0', '1'].indexOf(row.label))
    }
  })

  test('no column tells how a row was made, and ids are unique', () => {
    assert.deepEqual(Object.keys(all[0]!.row).sort(), [
      ...['amount', 'card', 'channel', 'country', 'currency', 'device', 'ip', 'label'],
      ...['label_time', 'latitude', 'longitude', 'mcc', 'merchant', 'received', 'time'],
      'transaction_id',
    ])
    assert.equal(new Set(first.map(({ row }) => row.transaction_id)).size, first.length)
  })

  test('they come at the rate that is asked for, within the span that is asked for', () => {
    const spanS = (first.at(-1)!.timeMs - first[0]!.timeMs) / 1000
    assertNear(first.length / spanS, defaultParameters.ratePerSecond, 0.08)
    const durationMs = 2 * dayMs
    const limited = [...generate({ ...defaultParameters, rows: null, durationMs })]
    const endMs = defaultParameters.startMs + durationMs
    assert.ok(limited.every(({ timeMs }) => timeMs >= defaultParameters.startMs && timeMs < endMs))
    assertNear(limited.length, 2 * 86_400 * defaultParameters.ratePerSecond, 0.25)
  })
})

describe('arrival', () => {
  const { arrival } = defaultParameters

  test('rows come in order of arrival; most are prompt, some by minutes out of order, some hours late', () => {
    for (let n = 1; n < all.length; n++) assert.ok(all[n]!.arrivalMs >= all[n - 1]!.arrivalMs)
    const of = (kind: GeneratedTransaction['arrival']): GeneratedTransaction[] =>
      first.filter((one) => one.arrival === kind)
    assertNear(share(of('out_of_order'), first), arrival.outOfOrderShare, 0.15)
    assertNear(share(of('late'), first), arrival.lateShare, 0.3)
    const delaysOf = (kind: GeneratedTransaction['arrival']): number[] =>
      of(kind).map(({ timeMs, arrivalMs }) => arrivalMs - timeMs)
    assert.ok(delaysOf('prompt').every((ms) => ms === arrival.promptMs))
    const isBetween = (ms: number, min: number, max: number): boolean => ms >= min && ms <= max
    const { outOfOrderMaxMs, lateMinMs, lateMaxMs, promptMs } = arrival
    assert.ok(delaysOf('out_of_order').every((ms) => isBetween(ms, promptMs + 1, outOfOrderMaxMs)))
    assert.ok(delaysOf('late').every((ms) => isBetween(ms, lateMinMs, lateMaxMs)))
    let newestMs = 0
    const behind = first.filter(({ timeMs }) => timeMs < (newestMs = Math.max(newestMs, timeMs)))
    assertNear(share(behind, first), arrival.outOfOrderShare + arrival.lateShare, 0.3)
  })

  test('duplicates come after the first one, with its id and content, and their own time of arrival', () => {
    const duplicates = all.filter(({ isDuplicate }) => isDuplicate)
    assertNear(share(duplicates, first), arrival.duplicateShare, 0.2)
    const byId = new Map(first.map((one) => [one.row.transaction_id, one]))
    for (const { row, arrivalMs } of duplicates) {
      const original = byId.get(row.transaction_id)!
      assert.deepEqual({ ...row, received: '' }, { ...original.row, received: '' })
      assert.ok(arrivalMs > original.arrivalMs)
    }
  })
})

describe('fraud', () => {
  test('is between 0.1 and 0.5 % of all, near the share that is asked for', () => {
    assert.ok(share(frauds, first) >= 0.001 && share(frauds, first) <= 0.005)
    assertNear(share(frauds, first), defaultParameters.fraud.share, 0.3)
    const without = { ...withRows(20_000), fraud: { ...defaultParameters.fraud, share: 0 } }
    assert.ok([...generate(without)].every(({ isFraud }) => !isFraud))
  })

  test('has every pattern, near its part of the mix over a longer stream', () => {
    const counts = new Map(patterns.map((pattern) => [pattern, 0]))
    for (const seed of [1, 2, 3]) {
      const stream = {
        ...withRows(120_000),
        seed,
        fraud: { ...defaultParameters.fraud, share: 0.01 },
      }
      for (const { pattern } of generate(stream)) {
        if (pattern !== null) counts.set(pattern, counts.get(pattern)! + 1)
      }
    }
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    const { mix } = defaultParameters.fraud
    for (const pattern of patterns) assertNear(counts.get(pattern)! / total, mix[pattern], 0.4)
    for (const pattern of patterns) {
      assert.ok(frauds.filter((one) => one.pattern === pattern).length >= 20, pattern)
    }
  })

  const of = (pattern: string): GeneratedTransaction['row'][] =>
    frauds.filter((one) => one.pattern === pattern).map(({ row }) => row)
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
  const amountOf = (rows: readonly { readonly amount: string }[]): number =>
    median(rows.map(({ amount }) => Number(amount)))

  test('card testing: small amounts of many cards from few devices', () => {
    const rows = of('card_testing').filter(({ amount }) => Number(amount) < 10)
    assert.ok(rows.length >= 20)
    const cards = new Set(rows.map(({ card }) => card)).size
    const devices = new Set(rows.map(({ device }) => device)).size
    assert.ok(cards > 3 * devices, `${cards} cards, ${devices} devices`)
  })

  test('stolen cards are used in shops, without the owner’s phone', () => {
    const rows = of('stolen_card')
    assert.ok(
      rows.every(({ channel, device, ip }) => channel !== 'ecom' && device === '' && ip === ''),
    )
  })

  test('takeovers and copied cards are used online, on devices that no honest owner has', () => {
    const devices = new Set(honest.map(({ row }) => row.device))
    for (const pattern of ['account_takeover', 'compromised_merchant']) {
      for (const { channel, device } of of(pattern)) {
        assert.equal(channel, 'ecom')
        assert.ok(device !== '' && !devices.has(device), device)
      }
    }
  })

  test('a bust-out is the owner’s own: known devices, and more than usual', () => {
    const cards = new Set(of('bust_out').map(({ card }) => card))
    const devices = new Set(
      honest.filter(({ row }) => cards.has(row.card)).map(({ row }) => row.device),
    )
    const online = of('bust_out').filter(({ device }) => device !== '')
    assert.ok(online.length > 5)
    assert.ok(
      share(
        online.filter(({ device }) => devices.has(device)),
        online,
      ) > 0.7,
    )
    assert.ok(amountOf(of('bust_out')) > 1.5 * amountOf(honest.map(({ row }) => row)))
  })
})

describe('labels', () => {
  const delayOf = ({ row, timeMs }: GeneratedTransaction): number =>
    Date.parse(row.label_time) - timeMs
  const reported = frauds.filter(({ row }) => row.label === '1')

  test('of fraud come 1 to 30 days later, half of them within about eight', () => {
    const delays = reported.map(delayOf).sort((a, b) => a - b)
    assert.ok(delays[0]! >= dayMs && delays.at(-1)! <= 30 * dayMs)
    assertNear(delays[Math.floor(delays.length / 2)]!, defaultParameters.labels.delayMedianMs, 0.35)
  })

  test('never come for some frauds, and some of these are even confirmed as legitimate', () => {
    const silent = frauds.filter(({ row }) => row.label !== '1')
    assert.ok(share(silent, frauds) > 0.08 && share(silent, frauds) < 0.35)
    assert.ok(silent.some(({ row }) => row.label === '0'))
    assert.ok(silent.some(({ row }) => row.label === ''))
  })

  test('of honest transactions: most are confirmed after 30 days, the others stay unlabelled, a few are disputed', () => {
    const confirmed = honest.filter(({ row }) => row.label === '0')
    assertNear(share(confirmed, honest), defaultParameters.labels.legitShare, 0.02)
    assert.ok(confirmed.every((one) => delayOf(one) === 30 * dayMs))
    const disputed = honest.filter(({ row }) => row.label === '1')
    assert.ok(disputed.length > 0 && disputed.length < reported.length / 5)
  })

  test('are never known before the transaction has arrived, and have a time when and only when they are there', () => {
    for (const { row, arrivalMs } of first) {
      assert.equal(row.label === '', row.label_time === '')
      assert.ok(row.label === '' || Date.parse(row.label_time) >= arrivalMs)
    }
    assert.equal(Verdict.none, 0)
  })
})

describe('the world', () => {
  test('merchants follow Zipf’s law: the r-th most popular has a share like r^-0.9', () => {
    const special = new Set(['4111', '6011', '5968'])
    const counts = new Map<string, number>()
    for (const { row } of honest) {
      if (!special.has(row.mcc)) counts.set(row.merchant, (counts.get(row.merchant) ?? 0) + 1)
    }
    const ranked = [...counts.values()].sort((a, b) => b - a)
    // Slope of log count over log rank, ranks 3 to 300, by least squares.
    const points = ranked
      .slice(2, 300)
      .map((count, at) => [Math.log(at + 3), Math.log(count)] as const)
    const mean = (at: 0 | 1): number =>
      points.reduce((sum, point) => sum + point[at], 0) / points.length
    const [mx, my] = [mean(0), mean(1)]
    const slope =
      points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) /
      points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
    assert.ok(slope < -0.7 && slope > -1.15, `slope ${slope}`)
    assertNear(ranked[0]! / honest.length, 0.055, 0.4)
    assert.ok(ranked.length > 2000, `${ranked.length} merchants`)
  })

  const weeks = honest.filter(({ timeMs }) => timeMs < defaultParameters.startMs + 21 * dayMs)

  test('days have a rhythm: few purchases at night, most in the late afternoon', () => {
    const hours = new Array<number>(24).fill(0)
    for (const { timeMs } of weeks) hours[Math.floor(timeMs / hourMs + 1) % 24]!++
    const sum = (from: number, to: number): number =>
      hours.slice(from, to).reduce((total, count) => total + count, 0)
    assert.ok(sum(1, 5) < 0.15 * sum(15, 19), String(hours))
    const busiest = hours.indexOf(Math.max(...hours))
    assert.ok(busiest >= 16 && busiest <= 19, `busiest at ${busiest}`)
  })

  test('weeks have a rhythm: Saturday is the busiest day, Sunday and Monday are the quietest', () => {
    const days = new Array<number>(7).fill(0)
    for (const { timeMs } of weeks) days[new Date(timeMs + hourMs).getUTCDay()]!++
    assert.equal(days.indexOf(Math.max(...days)), 6, String(days))
    assert.ok(days.indexOf(Math.min(...days)) <= 1, String(days))
    assert.ok(days[6]! > 1.25 * days[0]!)
  })

  test('cards differ: the busiest tenth makes about a third of all purchases', () => {
    const counts = new Map<string, number>()
    for (const { row } of honest) counts.set(row.card, (counts.get(row.card) ?? 0) + 1)
    const ranked = [...counts.values()].sort((a, b) => b - a)
    const tenth = ranked.slice(0, Math.floor(ranked.length / 10))
    assertNear(tenth.reduce((sum, count) => sum + count, 0) / honest.length, 0.33, 0.2)
  })

  test('devices and addresses are shared honestly, so that sharing alone is no proof', () => {
    const cardsOf = (key: 'device' | 'ip'): number[] => {
      const cards = new Map<string, Set<string>>()
      for (const { row } of honest) {
        if (row[key] === '') continue
        const seen = cards.get(row[key]) ?? new Set()
        cards.set(row[key], seen.add(row.card))
      }
      return [...cards.values()].map(({ size }) => size)
    }
    for (const key of ['device', 'ip'] as const) {
      assert.ok(cardsOf(key).filter((count) => count >= 3).length > 50, key)
    }
  })
})

describe('parameters', () => {
  test('all that is wrong with them is said at once', () => {
    const broken = {
      ...defaultParameters,
      seed: undefined,
      colour: 1,
      ratePerSecond: -1,
      rows: 1.5,
      population: { ...defaultParameters.population, cards: 10, familyShare: 2 },
      arrival: { ...defaultParameters.arrival, outOfOrderShare: 0.6, lateShare: 0.6 },
    } as unknown as GeneratorParameters
    assert.throws(
      () => {
        checkParameters(broken)
      },
      (error: unknown) => {
        assert.ok(error instanceof RangeError)
        for (const said of [
          /^colour: expected no such parameter$/m,
          /^seed: expected a number$/m,
          /^ratePerSecond: expected 0 to \d+, found -1$/m,
          /^rows: expected a whole number, found 1.5$/m,
          /^population.familyShare: expected 0 to 1, found 2$/m,
          /^population.cards: expected at least 50$/m,
          /^arrival: expected outOfOrderShare \+ lateShare of at most 1$/m,
        ]) {
          assert.match(error.message, said)
        }
        return true
      },
    )
    assert.throws(() => {
      checkParameters({ ...defaultParameters, rows: null })
    }, /rows, durationMs: expected one of them, found neither/)
    assert.throws(
      () =>
        generate({ ...defaultParameters, ratePerSecond: 0.001 })
          [Symbol.iterator]()
          .next(),
      /subscriptions/,
    )
    checkParameters(defaultParameters)
    checkParameters(evaluationParameters)
  })

  test('each has a comment: its unit, its meaning, why it is so', () => {
    const file = fileURLToPath(import.meta.resolve('#root/features/generator/parameters.ts'))
    const [declared] = readFileSync(file, 'utf8').split('export type GeneratorParameters')
    const lines = declared!.split('\n')
    // The five patterns of a group are explained with the group.
    const isPattern = (name: string): boolean => patterns.some((pattern) => pattern === name)
    const bare = lines.filter((line, at) => {
      const name = /^ +(\w+): (?!\{)/.exec(line)?.[1]
      return name !== undefined && !isPattern(name) && !lines[at - 1]!.trimEnd().endsWith('*/')
    })
    assert.deepEqual(bare, [])
  })

  test('at another rate there are more cards, each of which lives as before', () => {
    const faster = atRate(defaultParameters, 1)
    assert.equal(faster.population.cards, 50_000)
    assert.equal(faster.population.merchants, 7906)
    const rows = [...generate({ ...faster, rows: 50_000 })]
    const spanS = (rows.at(-1)!.timeMs - rows[0]!.timeMs) / 1000
    // Half a day from midnight on, which is less than a mean one.
    assert.ok(rows.length / spanS > 0.4 && rows.length / spanS < 2, String(rows.length / spanS))
    assert.ok(
      share(
        rows.filter(({ isFraud }) => isFraud),
        rows,
      ) < 0.01,
    )
  })
})
