// The mapped source fields of one message, as a scanner leaves them: text by slot, no objects.

/** What stands in a slot. */
export const FieldType = { absent: 0, text: 1, number: 2, boolean: 3, compound: 4 } as const
export type FieldType = (typeof FieldType)[keyof typeof FieldType]

/** Owned by a parser, cleared per message. Null, missing and the empty text are absent. */
export class Fields {
  readonly text: string[]
  readonly type: Uint8Array
  /** 1 once the field was met, whatever it held. */
  readonly seen: Uint8Array
  /** Slot of a field that stood there twice; -1 for none. */
  duplicate = -1

  constructor(count: number) {
    this.text = new Array<string>(count).fill('')
    this.type = new Uint8Array(count)
    this.seen = new Uint8Array(count)
  }

  clear(): void {
    this.type.fill(FieldType.absent)
    this.seen.fill(0)
    this.duplicate = -1
  }
}
