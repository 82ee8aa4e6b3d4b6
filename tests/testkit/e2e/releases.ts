import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/paths.ts'
import { run } from '../../../scripts/lib/run.ts'
import { migrations } from '../../../src/store/migrations/index.ts'

/** The newest migration of this tree. */
export const NEWEST_MIGRATION = migrations.at(-1)?.id ?? 0

/**
 * Builds another release from these sources, with another version and additional migrations.
 * @param extraMigrations SQL of the additional migrations
 * @returns the path of the binary
 */
export async function buildRelease(dir: string, version: string, extraMigrations: string[] = []): Promise<string> {
  const tree = join(dir, `tree-${version}`)
  for (const name of ['cli', 'src', 'scripts', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(tree, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  const indexFile = join(tree, 'src/store/migrations/index.ts')
  const migrationLines = extraMigrations.map(
    (sql, offset) => `,\n  { id: ${NEWEST_MIGRATION + offset + 1}, name: 'later', sql: ${JSON.stringify(sql)} }`,
  )
  const index = readFileSync(indexFile, 'utf8')
  const listEnd = /,?\s*\]\s*$/
  if (!listEnd.test(index)) throw new Error('migrations/index.ts does not end with the list of migrations')
  writeFileSync(indexFile, index.replace(listEnd, `${migrationLines.join('')}]\n`))
  await run([process.execPath, `--cwd=${tree}`, 'scripts/build.ts', version])
  const binary = join(dir, `cikit-api-${version}`)
  cpSync(join(tree, 'dist/cikit-api'), binary)
  rmSync(tree, { recursive: true })
  return binary
}
