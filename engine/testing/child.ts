// Child processes of tests end with the process that started them, also when that is killed for taking too long.
import type { ChildProcess } from 'node:child_process'

const running = new Set<ChildProcess>()
let isWatching = false

export function endWithParent(child: ChildProcess): void {
  running.add(child)
  child.once('exit', () => running.delete(child))
  if (isWatching) return
  isWatching = true
  process.once('exit', () => {
    for (const one of running) one.kill('SIGKILL')
  })
  process.once('SIGTERM', () => {
    // Others who listen have their own way to end.
    if (process.listenerCount('SIGTERM') === 0) process.exit(143)
  })
}
