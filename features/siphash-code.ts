// SipHash-2-4 as WebAssembly, written instruction by instruction: its 64-bit words are four times as fast there as halves of them
// are in JavaScript. It only makes the module; features/hash.ts runs it.

/** Where the module's memory has what: 16 bytes of key, 16 bytes of result, then the message. */
export const keyAt = 0
export const resultAt = 16
export const messageAt = 32

// Arguments and locals of the function, by index.
const [length, isLong, at, m, v0, v1, v2, v3] = [0, 1, 2, 3, 4, 5, 6, 7]

const [i32, i64] = [0x7f, 0x7e]
const [block, loop, brIf, br, end, blockType] = [0x02, 0x03, 0x0d, 0x0c, 0x0b, 0x40]
const op = {
  i32eqz: 0x45,
  i32ltU: 0x49,
  i32add: 0x6a,
  i32and: 0x71,
  i64add: 0x7c,
  i64sub: 0x7d,
  i64and: 0x83,
  i64or: 0x84,
  i64xor: 0x85,
  i64shl: 0x86,
  i64rotl: 0x89,
  select: 0x1b,
  extend: 0xad,
} as const

const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const int = (value: number): number[] => [0x41, ...signed(BigInt(value))]
const long = (value: bigint): number[] => [0x42, ...signed(BigInt.asIntN(64, value))]
/** Behind an address on the stack, without alignment. */
const load = (offset: number): number[] => [0x29, 0, ...unsigned(offset)]
const store = (offset: number): number[] => [0x37, 0, ...unsigned(offset)]

const add = (to: number, from: number): number[] => [
  ...get(to),
  ...get(from),
  op.i64add,
  ...set(to),
]
const xor = (to: number, by: number[]): number[] => [...get(to), ...by, op.i64xor, ...set(to)]
const turn = (word: number, bits: bigint): number[] => [...get(word), ...long(bits), op.i64rotl]
const turned = (word: number, bits: bigint, by: number): number[] => [
  ...turn(word, bits),
  ...get(by),
  op.i64xor,
  ...set(word),
]

/** One SipRound, as in the paper's figure 2.1. */
const round = [
  ...[...add(v0, v1), ...turned(v1, 13n, v0), ...turn(v0, 32n), ...set(v0)],
  ...[...add(v2, v3), ...turned(v3, 16n, v2)],
  ...[...add(v0, v3), ...turned(v3, 21n, v0)],
  ...[...add(v2, v1), ...turned(v1, 17n, v2), ...turn(v2, 32n), ...set(v2)],
]
const rounds = (count: number): number[] => Array.from({ length: count }, () => round).flat()
const compress = [...xor(v3, get(m)), ...rounds(2), ...xor(v0, get(m))]

/** One of two constants: the first where the result has 128 bits. */
const either = (ifLong: bigint, ifShort: bigint): number[] => [
  ...[...long(ifLong), ...long(ifShort), ...get(isLong), op.select],
]
const key = (half: number): number[] => [...int(keyAt), ...load(half * 8)]
const start = (word: number, half: number, constant: bigint): number[] => [
  ...[...key(half), ...long(constant), op.i64xor, ...set(word)],
]
const finish = (to: number): number[] => [
  ...rounds(4),
  ...[...int(resultAt), ...get(v0)],
  ...[v1, v2, v3].flatMap((word) => [...get(word), op.i64xor]),
  ...store(to),
]

const body = [
  ...start(v0, 0, 0x736f6d6570736575n),
  ...start(v1, 1, 0x646f72616e646f6dn),
  ...start(v2, 0, 0x6c7967656e657261n),
  ...start(v3, 1, 0x7465646279746573n),
  ...xor(v1, either(0xeen, 0n)),
  // Whole words.
  ...[block, blockType, loop, blockType],
  ...[...get(at), ...get(length), ...int(-8), op.i32and, op.i32ltU, op.i32eqz, brIf, 1],
  ...[...get(at), ...load(messageAt), ...set(m), ...compress],
  ...[...get(at), ...int(8), op.i32add, ...set(at), br, 0],
  ...[end, end],
  // What is left, and the length in the uppermost byte.
  ...[...get(at), ...load(messageAt), ...long(1n)],
  ...[...get(length), ...int(7), op.i32and, op.extend, ...long(3n), op.i64shl, op.i64shl],
  ...[...long(1n), op.i64sub, op.i64and],
  ...[...get(length), op.extend, ...long(56n), op.i64shl, op.i64or, ...set(m), ...compress],
  ...[...xor(v2, either(0xeen, 0xffn)), ...finish(0)],
  ...[block, blockType, ...get(isLong), op.i32eqz, brIf, 0],
  ...[...xor(v1, long(0xddn)), ...finish(8), end],
  end,
]

/** Exports `memory`, one page that may grow, and `hash(length, isLong)`. */
export function sipHashCode(): Uint8Array {
  const locals = [2, 1, i32, 5, i64]
  const code = [...locals, ...body]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, i32, i32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('hash'), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ])
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content]
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)]
}

/** LEB128, as the format has all its numbers. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn)
  const rest = value >> 7n
  const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)
  return isLast ? [low] : [low | 0x80, ...signed(rest)]
}
