import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_IMAGE } from '../../src/config/parse.ts'
import { installPackages } from './debian.ts'
import { hasImage, importImage, pullImage } from './engine-api.ts'
import { binary, workDir } from './paths.ts'
import { run } from './run.ts'
import { logStep } from './terminal.ts'

/** The base image of the droplet's Dockerfile. */
const BASE_IMAGE = 'debian:bookworm-slim'

/**
 * Builds the droplet image with our binary if the engine lacks it. Without a registry, the base image comes from
 * debootstrap.
 */
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
  logStep(`Cannot pull ${BASE_IMAGE}; building it from Debian's packages`)
  const tarball = await bootstrapDebian('bookworm')
  await importImage(socket, BASE_IMAGE, tarball, ['CMD ["bash"]'])
}

/** @returns the path of a cached tarball with a minimal Debian, built by debootstrap */
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

/** Creates a root filesystem of a Debian suite in a folder. The folder appears only when it is complete. */
export async function debootstrap(suite: string, rootDir: string, include: string[]): Promise<void> {
  await installPackages(['debootstrap'])
  const stagingDir = `${rootDir}.new`
  rmSync(stagingDir, { recursive: true, force: true })
  mkdirSync(stagingDir, { recursive: true })
  const packages = include.length > 0 ? [`--include=${include.join(',')}`] : []
  // A release newer than debootstrap itself is installed like unstable (sid), from which every release derives.
  const hasScript = existsSync(`/usr/share/debootstrap/scripts/${suite}`)
  const fallbackArgs = hasScript ? [] : ['http://deb.debian.org/debian', '/usr/share/debootstrap/scripts/sid']
  await run(['debootstrap', '--variant=minbase', ...packages, suite, stagingDir, ...fallbackArgs])
  rmSync(rootDir, { recursive: true, force: true })
  renameSync(stagingDir, rootDir)
}
