// What this machine is worth just now: the calibration kernel and the stalls. A process of its own, started before each run of
// a variant; it prints one line of JSON. Usage: probe.js <ms>.
import { calibrate } from './ledger/calibration.ts'
import { probeStalls, type Stalls } from './stalls.ts'

export interface Probe {
  /** CPU-µs of one unit of the calibration kernel. */
  readonly calibrationUs: number
  readonly stalls: Stalls
}

const stalls = probeStalls(Number(process.argv[2] ?? '500'))
const probe: Probe = { calibrationUs: calibrate().us, stalls }
process.stdout.write(`${JSON.stringify(probe)}\n`)
