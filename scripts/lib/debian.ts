import { existsSync } from 'node:fs'
import { run } from './run.ts'
import { logStep, UserError } from './terminal.ts'

export const isRoot = process.geteuid?.() === 0

/** A file of each Debian package, which shows without dpkg whether the package is installed. */
const installedFiles = {
  'docker.io': '/usr/sbin/dockerd',
  iptables: '/usr/sbin/iptables',
  iproute2: '/usr/sbin/ip',
  debootstrap: '/usr/sbin/debootstrap',
  oathtool: '/usr/bin/oathtool',
  'zbar-tools': '/usr/bin/zbarimg',
  'openssh-client': '/usr/bin/ssh',
  'busybox-static': '/bin/busybox',
  openssl: '/usr/bin/openssl',
  curl: '/usr/bin/curl',
  faketime: '/usr/bin/faketime',
  strace: '/usr/bin/strace',
  prometheus: '/usr/bin/promtool',
  wrk: '/usr/bin/wrk',
  chromium: '/usr/bin/chromium',
  zsh: '/usr/bin/zsh',
  fish: '/usr/bin/fish',
  mandoc: '/usr/bin/mandoc',
  'groff-base': '/usr/bin/groff',
  'g++': '/usr/bin/g++',
  'musl-tools': '/usr/bin/musl-gcc',
  'qemu-user-static': '/usr/bin/qemu-aarch64-static',
  'docker-compose': '/usr/bin/docker-compose',
  'libc6-arm64-cross': '/usr/aarch64-linux-gnu/lib/libc.so.6',
  'ansible-core': '/usr/bin/ansible-playbook',
}

export type DebianPackage = keyof typeof installedFiles

/** The packages that `prepareEngines` in the testkit needs. */
export const enginePackages: DebianPackage[] = ['docker.io', 'iptables', 'iproute2', 'debootstrap', 'busybox-static']

/** The parts of a host that decide whether packages may be installed. */
export interface PackageHost {
  isMissing: (name: DebianPackage) => boolean
  /** Root on a system with apt. */
  canInstall: boolean
  /** `--yes` was given, or this is CI. */
  isConfirmed: boolean
  /** Asks a yes/no question on the terminal; undefined without a terminal. */
  confirm: ((question: string) => boolean) | undefined
  install: (names: string[]) => Promise<void>
}

export function isPackageMissing(name: DebianPackage): boolean {
  return !existsSync(installedFiles[name])
}

/**
 * Installs those of these Debian packages that are missing. Lists them first and asks, unless `--yes` or CI confirms.
 * @throws UserError when they cannot or may not be installed; the message says what to do
 */
export async function installPackages(names: DebianPackage[], host: PackageHost = thisHost()): Promise<void> {
  const missing = names.filter(name => host.isMissing(name))
  if (missing.length === 0) return
  const list = missing.join(' ')
  if (!host.canInstall) {
    throw new UserError(`These Debian packages are missing: ${list}\nInstall them, or run this again as root.`)
  }
  if (!host.isConfirmed) {
    const advice = `Install them with: apt-get install ${list}\nOr run this again with --yes to let it install them.`
    if (!host.confirm) throw new UserError(`These Debian packages are missing: ${list}\n${advice}`)
    if (!host.confirm(`These Debian packages are missing: ${list}\nInstall them now?`)) {
      throw new UserError(`Nothing was installed.\n${advice}`)
    }
  }
  await host.install(missing)
}

function thisHost(): PackageHost {
  const hasTerminal = process.stdin.isTTY && process.stdout.isTTY
  return {
    isMissing: isPackageMissing,
    canInstall: isRoot && existsSync('/usr/bin/apt-get'),
    // npm consumes a `--yes` that is not behind `--` and passes it on as a variable.
    isConfirmed: process.argv.includes('--yes') || process.env.npm_config_yes === 'true' || !!process.env.CI,
    confirm: hasTerminal ? question => confirm(question) : undefined,
    install: aptInstall,
  }
}

async function aptInstall(names: string[]): Promise<void> {
  logStep(`Installing Debian packages: ${names.join(' ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run(['apt-get', 'update', '-qq'], { env })
  await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...names], { env })
}
