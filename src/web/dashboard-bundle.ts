import { join } from 'node:path'

/** A dashboard file in the compiled binary. */
export interface DashboardFile {
  name: string
  /** MIME type with the character set. */
  type: string
  /** Whether the page references it; the other files are loaded on demand. */
  isEntry: boolean
  /** The content, gzip (RFC 1952) in base64. */
  gzip: string
}

/** The output of `bundle-dashboard.ts`. */
export interface DashboardBundle {
  files: DashboardFile[]
  /** Source files, relative to the repository. */
  inputs: string[]
}

/** A macro: runs at compile time or, from sources, at the first import. Bun cannot bundle in the same process meanwhile. */
export function bundleDashboard(): DashboardBundle {
  const result = Bun.spawnSync([process.execPath, join(import.meta.dir, 'bundle-dashboard.ts')], {
    cwd: join(import.meta.dir, '../..'),
  })
  if (!result.success) throw new Error(`The dashboard could not be bundled: ${result.stderr}`)
  const bundle: DashboardBundle = JSON.parse(String(result.stdout))
  return bundle
}
