import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { devDependencies } from '../../package.json'
import { readLock } from './lock.ts'
import { workDir } from './paths.ts'
import { run } from './run.ts'
import { Obstacle, say } from './terminal.ts'

/** What a release is made for: the end of its file's name, Bun's name of it, and the package with its runtime. */
export const targets = [
  { system: 'linux-x64', name: 'bun-linux-x64', runtime: '@oven/bun-linux-x64' },
  { system: 'linux-x64-baseline', name: 'bun-linux-x64-baseline', runtime: '@oven/bun-linux-x64-baseline' },
  { system: 'linux-x64-musl', name: 'bun-linux-x64-musl', runtime: '@oven/bun-linux-x64-musl' },
  { system: 'linux-arm64', name: 'bun-linux-arm64', runtime: '@oven/bun-linux-aarch64' },
] as const

export type Target = (typeof targets)[number]

export const bunVersion = devDependencies.bun

/** Of the one package that `bun` does not name as a dependency, so that package-lock.json does not know it. */
const otherIntegrities: Record<string, string> = {
  '@oven/bun-linux-x64-baseline@1.4.5':
    'sha512-s8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==',
}

/**
 * The runtime of a target, from its npm package, whose bytes are those that package-lock.json names.
 * The package is kept, and looked at each time.
 * @returns the path of Bun's executable
 * @throws Obstacle when the package cannot be had, or is not what it ought to be
 */
export async function fetchRuntime({ runtime }: Target): Promise<string> {
  const dir = join(workDir, 'cache', 'runtimes')
  const name = `${runtime.slice(1).replace('/', '-')}-${bunVersion}`
  const tarball = join(dir, `${name}.tgz`)
  mkdirSync(dir, { recursive: true })
  if (!existsSync(tarball)) {
    say(`Fetching ${runtime}@${bunVersion}`)
    await run(['npm', 'pack', '--silent', '--pack-destination', dir, `${runtime}@${bunVersion}`])
  }
  const integrity = integrityOf(runtime)
  const found = `sha512-${new Bun.CryptoHasher('sha512').update(await Bun.file(tarball).bytes()).digest('base64')}`
  if (found !== integrity) {
    rmSync(tarball)
    throw new Obstacle(`${runtime}@${bunVersion} is ${found}, and ought to be ${integrity}: it was removed, try again`)
  }
  const tree = join(dir, name)
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree)
  await run(['tar', '-xzf', tarball, '-C', tree, '--no-same-owner'])
  return join(tree, 'package', 'bin', 'bun')
}

/** @returns as in package-lock.json: `sha512-` and the hash of the package's tarball, in Base64 */
export function integrityOf(runtime: string): string {
  const integrity = readLock()[`node_modules/${runtime}`]?.integrity ?? otherIntegrities[`${runtime}@${bunVersion}`]
  if (integrity === undefined) {
    throw new Obstacle(
      `The integrity of ${runtime}@${bunVersion} is not known: put what \`npm view\` says into scripts/lib/runtimes.ts`,
    )
  }
  return integrity
}
