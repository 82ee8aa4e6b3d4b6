import { copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hasImage, importImage } from '../../../scripts/lib/engine-api.ts'
import { bootstrapDebian } from '../../../scripts/lib/images.ts'
import { workDir } from '../../../scripts/lib/paths.ts'
import { run } from '../../../scripts/lib/run.ts'

/** Replaces `node:20-bookworm-slim`: Debian 12 with this computer's Node and npm. */
export const NODE_IMAGE = 'localhost/node:test'

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

export async function ensureNodeImage(socket: string): Promise<void> {
  if (await hasImage(socket, NODE_IMAGE)) return
  const tarball = join(workDir, 'cache', 'node-image.tar')
  const tree = join(workDir, 'cache', 'node-image')
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree)
  await run(['tar', '-C', tree, '-xf', await bootstrapDebian('bookworm')])
  const program = realpathSync(Bun.which('node') ?? '')
  for (const file of [program, ...(await librariesOf(program))]) copyInto(tree, file)
  if (program !== '/usr/local/bin/node') symlinkSync(program, join(tree, 'usr/local/bin/node'))
  const npm = dirname(dirname(realpathSync(Bun.which('npm') ?? '')))
  cpSync(npm, join(tree, 'usr/local/lib/node_modules/npm'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(tree, 'usr/local/bin/npm'))
  // This computer's CA bundle.
  if (existsSync(CERTIFICATES)) copyInto(tree, CERTIFICATES)
  await run(['tar', '-C', tree, '--numeric-owner', '-cf', tarball, '.'])
  await importImage(socket, NODE_IMAGE, tarball, [`ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}`])
  rmSync(tarball)
  rmSync(tree, { recursive: true })
}

/** The shared libraries of a program. */
async function librariesOf(program: string): Promise<string[]> {
  return [...(await run(['ldd', program])).matchAll(/\/[^ ]+/g)].map(match => match[0])
}

/** Copies a file to the same path below the tree. */
function copyInto(tree: string, file: string): void {
  mkdirSync(join(tree, dirname(file)), { recursive: true })
  copyFileSync(file, join(tree, file))
}
