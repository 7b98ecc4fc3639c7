// A folder with mapping, catalog and histories in which fraud was planted, and `weir train` and `weir replay` to run on them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { minstd } from '../../models/train/testing/minstd.ts'
import { runCommandLine } from '../cli.ts'
import { systemClock } from '../clock.ts'
import { command } from '../commands/command.ts'
import { replayLine, runReplay } from '../commands/replay.ts'
import { runTrain, trainLine } from '../commands/train.ts'
import { openLog } from '../telemetry/log.ts'
import type { CommandRun } from './command-run.ts'

const mapping = `format: csv
id: id
time: { field: time, as: epoch_ms }
amount: { field: amount, decimals: 2 }
currency: { const: EUR }
primary: card
entities: { card: card }
label: { field: label, fraud: ["1"], legit: ["0"], delay: 2d }
`
const catalog = `features:
  - { name: amount, value: amount }
  - { name: hour, calendar: hour }
  - { name: card_count_1h, entity: card, aggregate: count, window: 1h }
  - { name: card_merchants_1d, entity: card, aggregate: distinct, of: merchant, window: 1d }
`
const labels = `features:
  - { name: amount, value: amount }
  - { name: frauds_7d, entity: card, aggregate: fraud_count, window: 7d, delay: 0d }
  - { name: fraud_rate_7d, entity: card, aggregate: fraud_rate, window: 7d, delay: 0d }
`

/** `map.yaml`, `catalog.yaml` and `labels.yaml` in a folder of its own. */
export class TrainingWorld {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'weir-train-'))

  constructor() {
    this.write('map.yaml', mapping)
    this.write('catalog.yaml', catalog)
    this.write('labels.yaml', labels)
  }

  close(): void {
    rmSync(this.folder, { recursive: true })
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text)
  }

  async weir(...argv: readonly string[]): Promise<CommandRun> {
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    const commands = [command(trainLine, runTrain), command(replayLine, runReplay)]
    const exitCode = await runCommandLine(argv, commands, {
      version: '0',
      environment: {},
      folder: this.folder,
      stdout,
      stderr,
      isTerminal: false,
      clock: systemClock,
      stop: new AbortController().signal,
      openLog: (level) => openLog(level, systemClock),
    })
    const textOf = (stream: PassThrough) => ((stream.read() as Buffer | null) ?? '').toString()
    return { exitCode, stdout: textOf(stdout), stderr: textOf(stderr) }
  }

  trainOn(input: string, out: string, ...rest: readonly string[]): Promise<CommandRun> {
    const files = ['--map', 'map.yaml', '--catalog', 'catalog.yaml', '--backend', 'wasm']
    return this.weir('train', '--input', input, ...files, '--out', out, ...rest)
  }
}

type LabelOf = (isFraud: boolean) => string

/**
 * Forty days of cards. Some buy four times within minutes, some buy dear, and both is as honest as neither: fraud is one
 * without the other, so that neither count nor amount alone tells it.
 */
export function plantedHistory(
  episodes: number,
  labelOf: LabelOf = (isFraud) => (isFraud ? '1' : '0'),
): string {
  const next = minstd(17)
  const lines = ['id,time,card,amount,label']
  const stepMs = Math.floor((40 * 86_400_000) / episodes)
  for (let episode = 0; episode < episodes; episode++) {
    const isFraud = next() % 7 === 0
    const isBurst = next() % 5 === 0
    const isDear = isBurst !== isFraud
    for (let n = 0; n < (isBurst ? 4 : 1); n++) {
      const timeMs = Date.UTC(2025, 0, 6) + episode * stepMs + n * 20_000
      const amount = (isDear ? 90 : 4) + (next() % 1000) / 100
      const id = `t${episode}_${n}`
      lines.push(`${id},${timeMs},c${episode % 500},${amount.toFixed(2)},${labelOf(isFraud)}`)
    }
  }
  return `${lines.join('\n')}\n`
}
