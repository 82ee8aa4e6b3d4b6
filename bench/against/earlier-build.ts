import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { root, workDir } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { UserError } from '../../scripts/lib/terminal.ts'

/**
 * Builds the binary of an earlier revision in a folder that is removed when the scope ends.
 * @throws UserError if the revision needs other versions of npm packages than are installed
 */
export async function buildEarlier(revision: string) {
  const commit = (await run(['git', '-C', root, 'rev-parse', '--short', `${revision}^{commit}`])).trim()
  const dir = join(workDir, 'against', `${commit}.${process.pid}`)
  const removeBuildDir = () => rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  try {
    const archive = join(dir, 'tree.tar')
    await run(['git', '-C', root, 'archive', '-o', archive, commit])
    await run(['tar', '-xf', archive, '-C', dir])
    requireSameDependencies(dir, commit)
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
    // Not by npm, which would install into the linked node_modules.
    await run(['bun', `--cwd=${dir}`, 'scripts/build.ts'])
  } catch (error) {
    removeBuildDir()
    throw error
  }
  return { commit, program: join(dir, 'dist/cikit-api'), [Symbol.dispose]: removeBuildDir }
}

/** Other versions of dependencies would give another binary than the one built then. */
function requireSameDependencies(dir: string, commit: string): void {
  for (const [name, version] of Object.entries(dependenciesOf(dir))) {
    const installedVersion = dependenciesOf(root)[name]
    if (installedVersion === version) continue
    throw new UserError(
      `Cannot build ${commit}: it needs ${name} ${version}, but ${installedVersion ?? 'no version'} is installed here.`,
    )
  }
}

/** The packages in the binary, and the Bun that compiles it. */
function dependenciesOf(dir: string): Record<string, string> {
  const {
    dependencies,
    devDependencies,
  }: Record<'dependencies' | 'devDependencies', Record<string, string>> = JSON.parse(
    readFileSync(join(dir, 'package.json'), 'utf8'),
  )
  return { ...dependencies, bun: devDependencies.bun ?? '' }
}
