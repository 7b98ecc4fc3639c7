// Loaded into a test process (`node --import`): changes one built file as it is loaded, as WEIR_MUTANT says by index. Never used
// elsewhere.
import { register } from 'node:module'
import { mutants } from './mutants.ts'

const { file, from, to } = mutants[Number(process.env['WEIR_MUTANT'])]!

register('./mutant-hooks.js', import.meta.url, { data: { file, from, to } })
