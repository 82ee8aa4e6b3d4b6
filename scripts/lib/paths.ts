import { resolve } from 'node:path'

export const root = resolve(import.meta.dir, '../..')
export const binary = resolve(root, 'dist/cikit-api')

/** Everything that scripts and tests generate. Ignored by git. */
export const workDir = resolve(root, '.cikit')
