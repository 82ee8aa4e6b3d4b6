import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { workDir } from '../../../scripts/lib/paths.ts'
import { run } from '../../../scripts/lib/run.ts'

/**
 * A server out of a Debian package that is not installed: installing it would start it on this computer.
 * @param path of the program in the package: `usr/sbin/nginx`
 * @returns its path in .cikit/cache, where it stays for the next run
 */
export async function debianProgram(name: string, path: string): Promise<string> {
  const tree = join(workDir, 'cache', `debian-${name}`)
  if (!existsSync(join(tree, path))) {
    const draft = `${tree}.new`
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft, { recursive: true })
    await run(['bash', '-c', `cd '${draft}' && apt-get -qq -o APT::Sandbox::User=root download '${name}'`])
    const [deb = ''] = readdirSync(draft)
    await run(['dpkg-deb', '-x', join(draft, deb), draft])
    renameSync(draft, tree)
  }
  return join(tree, path)
}
