import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { root, workDir } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { UserError } from '../../scripts/lib/terminal.ts'

/**
 * The binary of an earlier revision, in a folder of its own that goes when its scope ends.
 * @throws Obstacle when it needs packages that are not installed here
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
    // Not by npm: it would install into the folder that the link leads to.
    await run(['bun', `--cwd=${dir}`, 'scripts/build.ts'])
  } catch (error) {
    removeBuildDir()
    throw error
  }
  return { commit, program: join(dir, 'dist/cikit-api'), [Symbol.dispose]: removeBuildDir }
}

/** With other versions of what it is made of, it would not be the binary that was built then. */
function requireSameDependencies(dir: string, commit: string): void {
  for (const [name, version] of Object.entries(dependenciesOf(dir))) {
    const installedVersion = dependenciesOf(root)[name]
    if (installedVersion === version) continue
    throw new UserError(
      `${commit} needs ${name} ${version}, and here is ${installedVersion ?? 'none'}: it cannot be built from here`,
    )
  }
}

/** The packages in the binary, and the Bun that compiles it. */
function dependenciesOf(dir: string): Record<string, string> {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
  return { ...dependencies, bun: devDependencies.bun }
}
