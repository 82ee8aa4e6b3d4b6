import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.ts'

/** A package as package-lock.json has it. */
export interface LockedPackage {
  version: string
  /** `sha512-` and the hash of the package's tarball, in Base64. */
  integrity: string
  license?: string
  /** Of no use but for development. */
  dev?: boolean
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

/** The packages by where they lie: `node_modules/elysia`. */
export function readPackageLock(): Record<string, LockedPackage> {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return packages
}
