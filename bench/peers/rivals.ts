// The variants that hold parts of Weir against what others would use in their place. Each rival is tuned as hard as ours.
import type { Variant } from '../variant.ts'

export const rivals: readonly Variant[] = [
  {
    name: 'rivals/scorers',
    script: 'peers/scorers',
    args: ['30,100,300,500', '6,8', '1,16,64', '40'],
    needs: [],
    about:
      'Our walker of trees against ONNX Runtime up to the margin, and a network on the runtime: CPU-µs of the process a row, the least of five slices of 40 ms taken in turn, warm. Both must give the same bits. Leaves out gathering the row and the sigmoid’s reasons; cold caches, as between other work, cost both more.',
  },
]
