import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { devDependencies } from '../../package.json'
import { readPackageLock } from './package-lock.ts'
import { workDir } from './paths.ts'
import { run } from './run.ts'
import { logStep, UserError } from './terminal.ts'

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
const pinnedIntegrities: Record<string, string> = {
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
    logStep(`Fetching ${runtime}@${bunVersion}`)
    await run(['npm', 'pack', '--silent', '--pack-destination', dir, `${runtime}@${bunVersion}`])
  }
  const integrity = integrityOf(runtime)
  const actualIntegrity = `sha512-${new Bun.CryptoHasher('sha512').update(await Bun.file(tarball).bytes()).digest('base64')}`
  if (actualIntegrity !== integrity) {
    rmSync(tarball)
    throw new UserError(
      `${runtime}@${bunVersion} is ${actualIntegrity}, and ought to be ${integrity}: it was removed, try again`,
    )
  }
  const extractDir = join(dir, name)
  rmSync(extractDir, { recursive: true, force: true })
  mkdirSync(extractDir)
  await run(['tar', '-xzf', tarball, '-C', extractDir, '--no-same-owner'])
  return join(extractDir, 'package', 'bin', 'bun')
}

/** @returns as in package-lock.json: `sha512-` and the hash of the package's tarball, in Base64 */
export function integrityOf(runtime: string): string {
  const integrity =
    readPackageLock()[`node_modules/${runtime}`]?.integrity ?? pinnedIntegrities[`${runtime}@${bunVersion}`]
  if (integrity === undefined) {
    throw new UserError(
      `The integrity of ${runtime}@${bunVersion} is not known: put what \`npm view\` says into scripts/lib/runtimes.ts`,
    )
  }
  return integrity
}
