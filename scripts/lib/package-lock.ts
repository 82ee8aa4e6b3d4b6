import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.ts'

/** An entry of package-lock.json. */
export interface LockedPackage {
  version: string
  /** `sha512-` and the hash of the package's tarball, in Base64. */
  integrity: string
  license?: string
  /** Needed for development only. */
  dev?: boolean
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

/** The packages by path: `node_modules/elysia`. */
export function readPackageLock(): Record<string, LockedPackage> {
  const { packages }: { packages: Record<string, LockedPackage> } = JSON.parse(
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
  )
  return packages
}
