import { join } from 'node:path'
import { Glob } from 'bun'
import { root } from './paths.ts'

/** Markdown for people who install, operate, use or change cikit-api. Generated reports in `bench` are not included. */
export function listPages(): { file: string; path: string }[] {
  return ['*.md', 'docs/*.md', 'deploy/*/README.md']
    .flatMap(pattern => [...new Glob(pattern).scanSync(root)].sort())
    .map(file => ({ file, path: join(root, file) }))
}
