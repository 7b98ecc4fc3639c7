// How a failing thread can be told to fail. Apart from it, for those who do not run it.

/** What the first input of the first row asks for. */
export const failures = { none: 0, hang: 1, exit: 2, throw: 3 } as const
