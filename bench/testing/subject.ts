// A variant for tests of the harness that does as it is told, with what marks its processes behind it: `tell <json>`, `fail <text>`, `leave <json>` (a process that outlives
// it), `hang`, `write <megabytes>` to the temporary folder, `say <text>`.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [verb, text = '', mark = ''] = process.argv.slice(2)
switch (verb) {
  case 'leave':
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)', mark], { stdio: 'inherit' })
    process.stdout.write(`${text}\n`, () => process.exit(0))
    break
  case 'fail':
    throw new Error(text)
  case 'hang':
    setInterval(() => undefined, 1e9)
    break
  case 'write':
    writeFileSync(join(tmpdir(), 'large'), Buffer.alloc(Number(text) * 2 ** 20))
    process.stdout.write('{"measures":{}}\n')
    break
  default:
    process.stdout.write(`${text}\n`)
}
