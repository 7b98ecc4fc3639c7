// What every place for answers must do. The suite runs against each adapter, on the real thing.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Answer, hashText } from '../../features/answer.ts'
import type { Answers } from '../core/ports.ts'

export interface AnswersWorld {
  /** Another one who keeps answers in the same place. */
  open(): Promise<Answers>
  close(): Promise<void>
}

const scratch = Buffer.alloc(16)

/** The answer to transaction `id` of card `card`; both are numbers. */
export function answerOf(card: number, id: number, body = `{"id":${id}}`, fingerprint = 7): Answer {
  return {
    primary: hashText(scratch, card, 1, 2, 3),
    id: hashText(scratch, id, 4, 5, 6),
    fingerprint: fingerprint.toString(16).padStart(16, '0'),
    body,
  }
}

export function answersContract(name: string, makeWorld: () => Promise<AnswersWorld>): void {
  describe(name, () => {
    let world: AnswersWorld
    let answers: Answers
    before(async () => {
      world = await makeWorld()
      answers = await world.open()
    })
    after(async () => {
      await world.close()
    })

    test('what was kept is found, byte for byte, by anyone', async () => {
      const bodies = ['{"a":"ü 💳 \\u2028"}', '', '{"long":"' + 'x'.repeat(100_000) + '"}', '\r\n"']
      const kept = bodies.map((body, id) => answerOf(1, id, body))
      assert.deepEqual(await answers.keep(kept), kept)
      const other = await world.open()
      assert.deepEqual(await other.find(kept), kept)
    })

    test('the first answer stays, and who comes later is told it', async () => {
      const first = answerOf(2, 1, 'first', 1)
      assert.deepEqual(await answers.keep([first]), [first])
      const other = await world.open()
      const told = await other.keep([answerOf(2, 1, 'second', 2), answerOf(2, 2, 'third')])
      assert.deepEqual(told, [first, answerOf(2, 2, 'third')])
      assert.deepEqual(await answers.find([first]), [first])
    })

    test('of two for one address in the same breath one is kept, and both are told it', async () => {
      const pairs = [answerOf(3, 1, 'a'), answerOf(3, 1, 'b')]
      assert.deepEqual(await answers.keep(pairs), [pairs[0], pairs[0]])
      const other = await world.open()
      const both = await Promise.all([
        answers.keep([answerOf(3, 2, 'mine')]),
        other.keep([answerOf(3, 2, 'theirs')]),
      ])
      assert.deepEqual(both[0], both[1])
    })

    test('an address has its own answer: another card, another id has none', async () => {
      await answers.keep([answerOf(4, 1)])
      assert.deepEqual(await answers.find([answerOf(4, 2), answerOf(5, 1)]), [null, null])
    })
  })
}
