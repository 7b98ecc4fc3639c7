// A test against real services: what hangs ends by itself, and is named.
import { type TestContext, test as unlimited } from 'node:test'

const msMax = 120_000

export function test(claim: string, run: (t: TestContext) => void | Promise<void>): void {
  void unlimited(claim, { timeout: msMax }, run)
}
