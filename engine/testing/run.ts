// `npm test`: runs the built tests against a real Redis and a real Kafka that it starts and stops. Where these cannot be
// had it says which tests did not run and what to install; with CI=true that is a failure.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Services, startServices } from './services.ts'

const dist = fileURLToPath(new URL('../..', import.meta.url))
const patterns = process.argv.slice(2)
/** What takes longer hangs; tests that may hang have a timeout of their own, so that one is named. */
const fileMsMax = 300_000
const files = findTests()
const services = await startServices().catch((error: unknown) => {
  process.stderr.write(`\nNO REAL REDIS AND KAFKA: ${(error as Error).message}\n`)
  return null
})
process.exitCode = await runTests(services)

async function runTests(running: Services | null): Promise<number> {
  if (running !== null) {
    const code = await runFiles(files, running)
    await running.stop()
    return code
  }
  const pure = files.filter((file) => !file.includes('.integration.'))
  const left = files.filter((file) => file.includes('.integration.'))
  process.stderr.write(`did not run:\n${left.map((file) => `  ${file}\n`).join('')}`)
  const code = await runFiles(pure, null)
  return process.env['CI'] === 'true' ? 1 : code
}

function runFiles(list: readonly string[], running: Services | null): Promise<number> {
  const environment = { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' }
  if (running !== null) {
    Object.assign(environment, { KAFKA_BROKERS: running.kafkaBrokers, REDIS_URL: running.redisUrl })
  }
  const limits = ['--test-concurrency=2', `--test-timeout=${fileMsMax}`]
  const child = spawn(process.execPath, ['--test', ...limits, ...list], {
    cwd: dist,
    env: environment,
    stdio: 'inherit',
  })
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      resolve(code ?? 1)
    })
  })
}

/** All built tests, or those whose path has one of the words that were given. */
function findTests(): string[] {
  const names = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  const all = names.filter((name) => name.endsWith('.test.js')).sort()
  return patterns.length === 0
    ? all
    : all.filter((file) => patterns.some((pattern) => file.includes(pattern)))
}
