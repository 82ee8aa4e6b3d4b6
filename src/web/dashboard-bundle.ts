import { join } from 'node:path'

/** A file of the dashboard as the compiler carries it. */
export interface DashboardFile {
  name: string
  /** Of its content, with the character set. */
  type: string
  /** Whether the page names it; the others are asked for when they are needed. */
  isEntry: boolean
  /** The content, compressed (RFC 1952), in base64. */
  gzip: string
}

/** What `bundle-dashboard.ts` prints. */
export interface DashboardBundle {
  files: DashboardFile[]
  /** The files that it was made from, by their path from the root. */
  inputs: string[]
}

/** A macro: runs when the program is compiled or, from its sources, when this is first imported. Bun bundles only in another process meanwhile. */
export function bundleDashboard(): DashboardBundle {
  const result = Bun.spawnSync([process.execPath, join(import.meta.dir, 'bundle-dashboard.ts')], {
    cwd: join(import.meta.dir, '../..'),
  })
  if (!result.success) throw new Error(`The dashboard could not be bundled: ${result.stderr}`)
  return JSON.parse(String(result.stdout))
}
