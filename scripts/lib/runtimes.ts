import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { devDependencies } from '../../package.json'
import { readPackageLock } from './package-lock.ts'
import { workDir } from './paths.ts'
import { run } from './run.ts'
import { logStep, UserError } from './terminal.ts'

/** The targets of a release: suffix of the file name, Bun's name of the target, npm package of its runtime. */
export const targets = [
  { system: 'linux-x64', name: 'bun-linux-x64', runtime: '@oven/bun-linux-x64' },
  { system: 'linux-x64-baseline', name: 'bun-linux-x64-baseline', runtime: '@oven/bun-linux-x64-baseline' },
  { system: 'linux-x64-musl', name: 'bun-linux-x64-musl', runtime: '@oven/bun-linux-x64-musl' },
  { system: 'linux-arm64', name: 'bun-linux-arm64', runtime: '@oven/bun-linux-aarch64' },
] as const

export type Target = (typeof targets)[number]

export const bunVersion = devDependencies.bun

/** Runtimes that are missing in package-lock.json because `bun` does not depend on them. */
const pinnedIntegrities: Record<string, string> = {
  '@oven/bun-linux-x64-baseline@1.4.5':
    'sha512-s8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==',
}

/**
 * Downloads the runtime of a target from npm, once, and verifies it against package-lock.json on every call.
 * @returns the path of Bun's executable
 * @throws UserError if the download fails or the integrity does not match
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
      `${runtime}@${bunVersion} has the integrity ${actualIntegrity} instead of ${integrity}. The download was removed; try again.`,
    )
  }
  const extractDir = join(dir, name)
  rmSync(extractDir, { recursive: true, force: true })
  mkdirSync(extractDir)
  await run(['tar', '-xzf', tarball, '-C', extractDir, '--no-same-owner'])
  return join(extractDir, 'package', 'bin', 'bun')
}

/** @returns `sha512-` and the Base64 hash of the package's tarball, as in package-lock.json */
export function integrityOf(runtime: string): string {
  const integrity =
    readPackageLock()[`node_modules/${runtime}`]?.integrity ?? pinnedIntegrities[`${runtime}@${bunVersion}`]
  if (integrity === undefined) {
    throw new UserError(
      `The integrity of ${runtime}@${bunVersion} is unknown. Copy it from \`npm view\` to scripts/lib/runtimes.ts.`,
    )
  }
  return integrity
}
