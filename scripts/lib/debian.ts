import { existsSync } from 'node:fs'
import { run } from './run.ts'
import { logStep, UserError } from './terminal.ts'

export const isRoot = process.geteuid?.() === 0

/** Debian's packages by a file that each brings, which tells whether it is there without asking dpkg. */
const installedFiles: Record<string, string> = {
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
  'g++': '/usr/bin/g++',
  'musl-tools': '/usr/bin/musl-gcc',
  'qemu-user-static': '/usr/bin/qemu-aarch64-static',
  'docker-compose': '/usr/bin/docker-compose',
  'libc6-arm64-cross': '/usr/aarch64-linux-gnu/lib/libc.so.6',
  'ansible-core': '/usr/bin/ansible-playbook',
}

export function missingPackages(names: string[]): string[] {
  return names.filter(name => !existsSync(installedFiles[name] ?? ''))
}

/**
 * Installs what is missing of these Debian packages.
 * @throws Obstacle when this user or this system cannot
 */
export async function installPackages(names: string[]): Promise<void> {
  const missing = missingPackages(names)
  if (missing.length === 0) return
  if (!isRoot || !existsSync('/usr/bin/apt-get')) {
    throw new UserError(
      `These Debian packages are needed: ${missing.join(' ')}\nInstall them, or run this again as root.`,
    )
  }
  logStep(`Installing Debian packages: ${missing.join(' ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run(['apt-get', 'update', '-qq'], { env })
  await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing], { env })
}
