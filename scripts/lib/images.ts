import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { OWN_IMAGE } from '../../src/engines/docker/image.ts'
import { installPackages } from './debian.ts'
import { hasImage, importImage, pullImage } from './engine-api.ts'
import { binary, workDir } from './paths.ts'
import { run } from './run.ts'
import { say } from './terminal.ts'

/** What the Dockerfile of the droplet builds on. */
const BASE_IMAGE = 'debian:bookworm-slim'

/** Sees to it that the engine has the droplet image; builds it with our binary, and its base from Debian where no registry is in reach. */
export async function ensureDropletImage(socket: string): Promise<void> {
  if (await hasImage(socket, OWN_IMAGE)) return
  await ensureBaseImage(socket)
  say(`Building the droplet image ${OWN_IMAGE} (half a minute)`)
  await run([binary, 'image', 'build', '--docker-host', `unix://${socket}`])
}

async function ensureBaseImage(socket: string): Promise<void> {
  if (await hasImage(socket, BASE_IMAGE)) return
  say(`Pulling ${BASE_IMAGE}`)
  if (await pullImage(socket, BASE_IMAGE)) return
  const tarball = await bootstrapDebian('bookworm')
  await importImage(socket, BASE_IMAGE, tarball, ['CMD ["bash"]'])
}

/** A minimal Debian from Debian's own packages, as a tarball that is kept. */
async function bootstrapDebian(suite: string): Promise<string> {
  const tarball = join(workDir, 'cache', `${suite}.tar`)
  if (await Bun.file(tarball).exists()) return tarball
  await installPackages(['debootstrap'])
  say(`${BASE_IMAGE} cannot be pulled: making the same from Debian's packages with debootstrap (half a minute)`)
  const tree = join(workDir, 'cache', suite)
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  await run(['debootstrap', '--variant=minbase', suite, tree])
  await run(['tar', '-C', tree, '--numeric-owner', '-cf', `${tarball}.new`, '.'])
  await run(['mv', `${tarball}.new`, tarball])
  rmSync(tree, { recursive: true, force: true })
  return tarball
}
