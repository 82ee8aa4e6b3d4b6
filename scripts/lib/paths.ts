import { resolve } from 'node:path'

export const root = resolve(import.meta.dir, '../..')
export const binary = resolve(root, 'dist/cikit-api')

/** All that scripts and tests make lies here; none of it is in git. */
export const workDir = resolve(root, '.cikit')
