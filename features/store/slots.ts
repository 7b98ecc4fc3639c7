// Which slot of a cluster a key is in, and which node serves a slot according to a node's answer to CLUSTER SLOTS.

export const slotCount = 16_384
const polynomial = 0x1021

/** CRC16 (XMODEM) of what stands in the key's first braces, or of the whole key: the cluster's specification has it so. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open === -1 ? -1 : key.indexOf('}', open + 1)
  const tag = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ polynomial
    }
    crc &= 0xffff
  }
  return crc % slotCount
}

/** Consecutive slots and the addresses that serve them, the master's first. */
export interface SlotRange {
  readonly first: number
  readonly last: number
  readonly addresses: readonly string[]
}

/** Reads an answer to CLUSTER SLOTS that came from `host`. Nodes whose address nobody knows are left out. */
export function readSlots(reply: unknown, host: string): SlotRange[] {
  if (!Array.isArray(reply)) return []
  const ranges: SlotRange[] = []
  for (const [first, last, ...nodes] of reply as [number, number, ...[string | null, number][]][]) {
    const [master, ...replicas] = nodes.map(([name, port]) => {
      if (name === '?') return null
      return `${name === null || name === '' ? host : name}:${port}`
    })
    if (master === null || master === undefined) continue
    const known = replicas.filter((address) => address !== null)
    ranges.push({ first, last, addresses: [master, ...known] })
  }
  return ranges
}

/** The address in a redirection (`MOVED 3999 10.0.0.1:6379`) that came from `host`; null where there is none. */
export function redirected(message: string, host: string): string | null {
  const found = /^(?:MOVED|ASK) \d+ (.*):(\d+)$/.exec(message)
  if (found === null) return null
  return `${found[1] === '' ? host : found[1]}:${found[2]}`
}

export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}
