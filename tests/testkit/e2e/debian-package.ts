import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { workDir } from '../../../scripts/lib/paths.ts'
import { run } from '../../../scripts/lib/run.ts'

/**
 * Extracts a server from a Debian package without installing it, since installing would start it on this computer.
 * @param path path of the program in the package: `usr/sbin/nginx`
 * @returns its path in .cikit/cache
 */
export async function debianProgram(name: string, path: string): Promise<string> {
  const packageDir = join(workDir, 'cache', `debian-${name}`)
  if (!existsSync(join(packageDir, path))) {
    const stagingDir = `${packageDir}.new`
    rmSync(stagingDir, { recursive: true, force: true })
    mkdirSync(stagingDir, { recursive: true })
    await run(['bash', '-c', `cd '${stagingDir}' && apt-get -qq -o APT::Sandbox::User=root download '${name}'`])
    const [deb = ''] = readdirSync(stagingDir)
    await run(['dpkg-deb', '-x', join(stagingDir, deb), stagingDir])
    renameSync(stagingDir, packageDir)
  }
  return join(packageDir, path)
}
