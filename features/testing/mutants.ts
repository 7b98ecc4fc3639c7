// Wrong engines: a line of the built code changed, and the test that has to notice. For features/mutants.integration.test.ts.

export interface Mutant {
  /** What is wrong with it. */
  readonly name: string
  /** Built file, from the folder that is built to. */
  readonly file: string
  readonly from: string
  readonly to: string
  /** Test file, likewise, and the title of the test in it that fails. */
  readonly test: string
  readonly title: string
}

const fold = 'features/fold.test.js'
const contract = 'engine/core/windows.test.js'
const hops = 'features/hops.test.js'
const running = 'features/running.test.js'

/** Changes to the functions in Redis are made where their text is put together. */
function inRedis(from: string, to: string): Pick<Mutant, 'file' | 'from' | 'to'> {
  const whole = "(await Promise.all(parts)).join('')"
  const changed = `.replace(${JSON.stringify(from)}, () => ${JSON.stringify(to)})`
  return { file: 'features/store/redis-fitness.js', from: whole, to: whole + changed }
}

export const mutants: readonly Mutant[] = [
  {
    name: 'the far end of a window is inclusive',
    file: 'features/tail.js',
    from: 'const ageMs = timeMs - delayMs - recordMs;',
    to: 'const exactMs = timeMs - delayMs - recordMs; const ageMs = exactMs > 0 ? exactMs - 1 : exactMs;',
    test: fold,
    title: '2: a record exactly one window old is out, one a ms younger is in',
  },
  {
    name: 'the transaction itself counts twice',
    file: 'features/window-values.js',
    from: 'return sums.count[w] + one',
    to: 'return sums.count[w] + 2 * one',
    test: fold,
    title: '2: at the same ms what came before counts, and what comes after does not',
  },
  {
    name: 'a record at the same ms is lost',
    file: 'features/tail.js',
    from: 'if (ageMs < 0 || ageMs >= longestMs)',
    to: 'if (ageMs <= 0 || ageMs >= longestMs)',
    test: fold,
    title: '2: at the same ms what came before counts, and what comes after does not',
  },
  {
    name: 'a label counts before it arrives',
    file: 'features/label-sums.js',
    from: 'if (arrivalMs > timeMs)',
    to: 'if (arrivalMs > timeMs + 1)',
    test: fold,
    title: '7: a label counts once it has arrived, in the delayed window of its transaction',
  },
  {
    name: 'a label in a hop counts before the last of its slice has arrived',
    file: 'features/label-sums.js',
    from: 'const isUnarrived = hops[at + Slice.arrivalMax] > timeMs',
    to: 'const isUnarrived = false && hops[at + Slice.arrivalMax] > timeMs',
    test: hops,
    title: 'seed 11: cap 2, 1 cards, a transaction every 300 ms, out of order',
  },
  {
    name: 'the edge of a hop is off by one',
    file: 'features/hop-sums.js',
    from: 'if (maxMs <= afterMs || minMs > nowMs)',
    to: 'if (maxMs < afterMs || minMs > nowMs)',
    test: hops,
    title: 'seed 11: cap 2, 1 cards, a transaction every 300 ms, out of order',
  },
  {
    name: 'a declined transaction counts',
    file: 'features/lifecycle.js',
    from: 'kind === Kind.transaction || data.getFloat64',
    to: 'kind === Kind.transaction || kind === Kind.decline || data.getFloat64',
    test: contract,
    title: 'So does a decline by the issuer, and a refund, which is mapped as a reversal.',
  },
  {
    name: 'a condition is not asked of the transaction itself',
    file: 'features/entity-fold.js',
    from: 'feature.isCurrentIncluded && isMet(word, feature.mask)',
    to: 'feature.isCurrentIncluded',
    test: contract,
    title:
      'e itself counts if it meets the condition, and is compared with those that do in any case.',
  },
  {
    name: 'sums of squares lose what is beyond 53 bits',
    file: 'features/window-sums.js',
    from: 'const squareMax = 94_906_265',
    to: 'const squareMax = Number.MAX_SAFE_INTEGER',
    test: 'features/every-feature.test.js',
    title: 'what is not marked approximate equals the naive twin, whatever the history; cap 512',
  },
  {
    name: 'a journal that is held is trusted, whatever stands in Redis',
    ...inRedis(
      'if claimedLow == low and claimedHigh == high and sub(text, last + 1, last + 8) == identity then',
      'if true then',
    ),
    test: 'features/store/redis-faults.integration.test.js',
    title: 'a journal of 6 records found regrown with other records is read anew',
  },
  {
    name: 'offsets are applied whatever came before them',
    ...inRedis('partition.predecessor ~= partition.stored', 'false'),
    test: 'features/store/redis-faults.integration.test.js',
    title: 'a call lost between two others is noticed, sent again in order and counted once',
  },
  {
    name: 'a journal is compacted up to its exact tail',
    ...inRedis('boundary(known, cap) - cap', 'boundary(known, cap)'),
    test: 'features/store/redis-compaction.integration.test.js',
    title: 'refuses a base less than one cap behind the exact tail, and what else no engine sends',
  },
  {
    name: 'a running window keeps a record that is exactly as old',
    file: 'features/running-windows.js',
    from: 'while (floats[far + Far.headMs] <= afterMs)',
    to: 'while (floats[far + Far.headMs] < afterMs)',
    test: running,
    title: 'a record leaves a running window at its length, not a ms before',
  },
  {
    name: 'a running window forgets a record a ms too early',
    file: 'features/running-windows.js',
    from: 'while (floats[far + Far.headMs] <= afterMs)',
    to: 'while (floats[far + Far.headMs] <= afterMs + 1)',
    test: running,
    title: 'a record leaves a running window at its length, not a ms before',
  },
  {
    name: 'running sums take a late record for the newest',
    file: 'features/running.js',
    from: 'while (index > 0 && cursor.timeMs(index - 1) > recordMs)',
    to: 'while (false)',
    test: running,
    title: 'a late record is put where it belongs, and leaves when its time has come',
  },
  {
    name: 'running sums are used for an earlier transaction',
    file: 'features/running.js',
    from: 'this.cursor.nowMs >= floats[at + Head.nowMs]',
    to: 'true',
    test: running,
    title: 'seed 51: whatever comes in between, running sums change no bit; cap 512, 0 % messages',
  },
  {
    name: 'running sums are used for an earlier view',
    file: 'features/running.js',
    from: '|| end < floats[at + Head.end]',
    to: '',
    test: running,
    title: 'a transaction that is folded again does not see what came after it at the same ms',
  },
  {
    name: 'running sums go on over a reversal',
    file: 'features/running.js',
    from: '& kindMask) !== 0',
    to: '& kindMask) === -1',
    test: running,
    title: 'seed 53: whatever comes in between, running sums change no bit; cap 24, 1 % messages',
  },
  {
    name: 'running sums keep what has become a hop',
    file: 'features/running.js',
    from: 'first > floats[at + Head.first]',
    to: 'false',
    test: running,
    title: 'seed 54: whatever comes in between, running sums change no bit; cap 5, 0.2 % messages',
  },
  {
    name: 'a value leaves a running window with its first record',
    file: 'features/running-values.js',
    from: '=== superseded)\n            return;\n        cursor.floats',
    to: '=== -1)\n            return;\n        cursor.floats',
    test: running,
    title: 'a value that comes back counts once, and as long as its latest record is in the window',
  },
  {
    name: 'a label that never counted is taken out of a running window',
    file: 'features/running-labels.js',
    from: 'cursor.record(head), beforeMs, -1)',
    to: 'cursor.record(head), Infinity, -1)',
    test: running,
    title: 'seed 51: whatever comes in between, running sums change no bit; cap 512, 0 % messages',
  },
  {
    name: 'running sums of another catalog are used',
    file: 'features/running.js',
    from: 'view.runningOf !== this.#plan',
    to: 'view.runningOf === null',
    test: running,
    title: 'running sums of another catalog with the same records are not taken for one’s own',
  },
  {
    name: 'running sums take in what lies behind the end of a journal',
    file: 'features/running.js',
    from: 'if (count > ordinal)',
    to: 'if (true)',
    test: 'features/store/batches.test.js',
    title:
      'what comes again when its record has left the exact tail leaves nothing in running sums',
  },
  {
    name: 'a value that comes back as it leaves a shorter running window is not new there',
    file: 'features/running-values.js',
    from: 'beforeMs <= afterMs)',
    to: 'beforeMs < afterMs)',
    test: running,
    title:
      'a value that comes back at the ms at which it leaves a shorter window is new there, and not in the longer one',
  },
]
