import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_IMAGE } from '../../src/config/parse.ts'
import { installPackages } from './debian.ts'
import { hasImage, importImage, pullImage } from './engine-api.ts'
import { binary, workDir } from './paths.ts'
import { run } from './run.ts'
import { logStep } from './terminal.ts'

/** What the Dockerfile of the droplet builds on. */
const BASE_IMAGE = 'debian:bookworm-slim'

/** Sees to it that the engine has the droplet image; builds it with our binary, and its base from Debian where no registry is in reach. */
export async function ensureDropletImage(socket: string): Promise<void> {
  if (await hasImage(socket, DEFAULT_IMAGE)) return
  await ensureBaseImage(socket)
  logStep(`Building the droplet image ${DEFAULT_IMAGE} (half a minute)`)
  await run([binary, 'image', 'build', '--docker-host', `unix://${socket}`])
}

async function ensureBaseImage(socket: string): Promise<void> {
  if (await hasImage(socket, BASE_IMAGE)) return
  logStep(`Pulling ${BASE_IMAGE}`)
  if (await pullImage(socket, BASE_IMAGE)) return
  logStep(`${BASE_IMAGE} cannot be pulled: making the same from Debian's own packages`)
  const tarball = await bootstrapDebian('bookworm')
  await importImage(socket, BASE_IMAGE, tarball, ['CMD ["bash"]'])
}

/** A minimal Debian from Debian's own packages, as a tarball that is kept. */
export async function bootstrapDebian(suite: string): Promise<string> {
  const tarball = join(workDir, 'cache', `${suite}.tar`)
  if (await Bun.file(tarball).exists()) return tarball
  const rootDir = join(workDir, 'cache', suite)
  await installPackages(['debootstrap'])
  logStep(`Running debootstrap for ${suite} (half a minute)`)
  await debootstrap(suite, rootDir, [])
  await run(['tar', '-C', rootDir, '--numeric-owner', '-cf', `${tarball}.new`, '.'])
  renameSync(`${tarball}.new`, tarball)
  rmSync(rootDir, { recursive: true, force: true })
  return tarball
}

/** Makes a root filesystem of a Debian suite in a folder, whole or not at all. */
export async function debootstrap(suite: string, rootDir: string, include: string[]): Promise<void> {
  await installPackages(['debootstrap'])
  const stagingDir = `${rootDir}.new`
  rmSync(stagingDir, { recursive: true, force: true })
  mkdirSync(stagingDir, { recursive: true })
  const packages = include.length > 0 ? [`--include=${include.join(',')}`] : []
  // A release that is newer than debootstrap itself is made in the way of unstable, which every one derives from.
  const hasScript = existsSync(`/usr/share/debootstrap/scripts/${suite}`)
  const fallbackArgs = hasScript ? [] : ['http://deb.debian.org/debian', '/usr/share/debootstrap/scripts/sid']
  await run(['debootstrap', '--variant=minbase', ...packages, suite, stagingDir, ...fallbackArgs])
  rmSync(rootDir, { recursive: true, force: true })
  renameSync(stagingDir, rootDir)
}
