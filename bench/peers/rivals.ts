// The variants that hold parts of Weir against what others would use in their place. Each rival is tuned as hard as ours.
import type { Variant } from '../variant.ts'

/** Of windows in Redis, by decision batch. */
function redisWays(batch: number): Variant {
  return {
    name: `rivals/redis-in-batches-of-${batch}`,
    script: 'peers/redis-ways',
    args: [String(batch), '90000', '4800'],
    quick: [String(batch), '6000', '960'],
    needs: ['redis'],
    about:
      'The standard work’s forty windows kept in Redis as journals (Weir’s store, encoding and folding; `exact`: with an exact tail that holds every window), as sorted sets that the client sums up, and as counters in Lua; each with a Redis of its own, in slices in turn, after a day of history. CPU of the client is all of the process around each batch, from parsed transactions to rows; of Redis, its whole process. Leaves out parsing, scoring and publishing. `differing_share`: rows that differ from the naive oracle, one of eight looked at; `unmarked`: those that do not say so. `sent_again`: the last slice once more, as behind a restart. `at_once_unseen`: eight writers on the same entities must see 0 to N − 1 earlier ones; the share of these numbers that nobody saw.',
  }
}

export const rivals: readonly Variant[] = [
  redisWays(16),
  redisWays(64),
  {
    name: 'rivals/kafka-clients',
    script: 'peers/kafka-clients',
    args: ['100000', '40000'],
    quick: ['60000', '4000'],
    needs: ['kafka'],
    packages: ['@platformatic/kafka'],
    about:
      'kafkajs as Weir uses it against @platformatic/kafka behind the same port, on one broker, in turn, the least of three turns each: CPU-µs of the process a message, reading from the first message handed over to the last, writing with one send in flight in each of four partitions. Leaves out the broker, whose work is the same. `lost`: acknowledged and not in the log. `hasty`: a hundred idempotent sends to one partition at once, which Weir never does.',
  },
  {
    name: 'rivals/scorers',
    script: 'peers/scorers',
    args: ['30,100,300,500', '6,8', '1,16,64', '40'],
    quick: ['30,100', '6', '1,16', '10'],
    needs: [],
    about:
      'Our walker of trees against ONNX Runtime up to the margin, and a network on the runtime: CPU-µs of the process a row, the least of five slices of 40 ms taken in turn, warm. Both must give the same bits. Leaves out gathering the row and the sigmoid’s reasons; cold caches, as between other work, cost both more.',
  },
]
