// What a decision may cost, as committed in budget.json, and how a measurement stands to it. Counts, bytes and allocations
// bind; CPU is compared as a ratio to the calibration kernel and only warns, unless it is far beyond.

/** How `in-process` was run: the same again gives the same counts. */
export interface Setting {
  readonly place: 'memory' | 'redis'
  readonly batch: number
}

export interface Limits extends Setting {
  /** By measure, per decision. */
  readonly limits: Readonly<Record<string, number>>
  /** By stage, CPU per decision in thousandths of a unit of the calibration kernel. */
  readonly cpu: Readonly<Record<string, number>>
}

export interface Finding {
  readonly kind: 'exceeded' | 'warning' | 'better'
  readonly text: string
}

/** Measures that bind, and by what share they may vary of themselves: counts are exact, allocations are sampled. */
const bound: Readonly<Record<string, number>> = {
  round_trips_per_decision: 0.001,
  bytes_to_redis_per_decision: 0.005,
  bytes_from_redis_per_decision: 0.02,
  decision_bytes: 0.005,
  allocated_bytes_per_decision: 0.15,
  allocated_bytes_per_decision_in_total: 0.04,
}
/** A budget that is so much too wide is worth writing anew. */
const slackShare = 0.1
const cpuWarnFactor = 1.6
const cpuFailFactor = 4
/** Below it, in thousandths of a unit, a stage is too short to be compared: one hiccup of the machine is four times it. */
const cpuLeast = 1

/** The budget that exactly this measurement keeps. */
export function budgetOf(
  { place, batch }: Setting,
  measures: Readonly<Record<string, number>>,
  calibrationUs: number,
): Limits {
  const limits: Record<string, number> = {}
  for (const name of Object.keys(bound)) {
    const value = measures[name]
    if (value !== undefined) limits[name] = Number(value.toPrecision(4))
  }
  const cpu: Record<string, number> = {}
  for (const [name, value] of Object.entries(measures)) {
    const stage = /^stage_(\w+)_cpu_us$/.exec(name)?.[1]
    if (stage !== undefined && stage !== 'other') {
      cpu[stage] = Number(((1000 * value) / calibrationUs).toPrecision(2))
    }
  }
  return { place, batch, limits, cpu }
}

/** `found`: what `budgetOf` makes of a measurement in the same setting. Each text names measure, budget, found, what to do. */
export function compare(budget: Limits, found: Limits): Finding[] {
  const { place, batch } = budget
  const where = `${place}, decision batches of ${batch}`
  const look = `to see where: node dist/bench/ledger/in-process.js ${place} standard ${batch}`
  const findings: Finding[] = []
  for (const [name, limit] of Object.entries(budget.limits)) {
    const value = found.limits[name]
    const share = bound[name]
    if (value === undefined || share === undefined) {
      const text = `${where}: ${name}: the budget is ${limit}, found no such measure; ${mend}`
      findings.push({ kind: 'exceeded', text })
    } else if (value > limit * (1 + share)) {
      const percent = Math.round((value / limit - 1) * 100)
      const text = `${where}: ${name}: the budget is ${limit}, found ${value} (${percent} % more); ${look}; if it is meant, ${mend}`
      findings.push({ kind: 'exceeded', text })
    } else if (value < limit * (1 - slackShare)) {
      const text = `${where}: ${name}: the budget is ${limit}, found ${value}: keep what was won, ${mend}`
      findings.push({ kind: 'better', text })
    }
  }
  for (const [stage, limit] of Object.entries(budget.cpu)) {
    const value = found.cpu[stage] ?? 0
    const factor = Math.max(value, cpuLeast) / Math.max(limit, cpuLeast)
    if (factor <= cpuWarnFactor) continue
    const text = `${where}: CPU of ${stage} by the calibration kernel: the budget is ${limit} ‰, found ${value} ‰ (${factor.toFixed(1)} times); ${look}; if it is meant, ${mend}`
    findings.push({ kind: factor > cpuFailFactor ? 'exceeded' : 'warning', text })
  }
  return findings
}

const mend = 'write a new budget with: npm run budget -- --update'
