import { cpSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bootstrapDebian } from '../scripts/lib/images.ts'
import { root, workDir } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { logStep, print, runScript, UserError } from '../scripts/lib/terminal.ts'

// The time from a bare Debian to the first list of droplets, following the README: runs `npm run up` in a minimal
// Debian with namespaces of its own, and then the commands it prints. It uses this host's network, so no other Docker
// Engine may run.

const rootDir = join(workDir, 'fresh-host')
/** This host's CA bundle, for networks with a CA of their own. */
const hostCaBundle = '/etc/ssl/certs/ca-certificates.crt'
/** The name differs because Debian's package creates the original. */
const copiedCaBundle = '/etc/ssl/certs/host-ca.crt'

/** Runs inside the tree and prints its timestamps; EPOCHREALTIME is in seconds. */
const README_SCRIPT = `set -e
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
export NODE_EXTRA_CA_CERTS=${copiedCaBundle} npm_config_cafile=${copiedCaBundle}
cd /root
start=$EPOCHREALTIME
apt-get update -qq > /dev/null
apt-get install -y -qq --no-install-recommends git curl openssh-client ca-certificates > apt.log 2>&1
installed=$EPOCHREALTIME
git clone -q source.git cikit-api
cd cikit-api
npm run up -- --yes > ../up.log 2>&1 || { tail -n 20 ../up.log; exit 1; }
up=$EPOCHREALTIME
apt-get install -y -qq oathtool > ../apt.log 2>&1
code=$(oathtool --totp -b "$(grep -oE '\\b[A-Z2-7]{32}\\b' ../up.log | head -n 1)")
ready=$EPOCHREALTIME
eval "$(grep -E '^(TOKEN=|curl )' ../up.log | sed "s/123456/$code/")" > ../list.json
end=$EPOCHREALTIME
npm run down -- --purge > ../down.log 2>&1
grep -q '"name":"cikit01"' ../list.json
echo "$start $installed $up $ready $end"`

const ENTER_ROOT_SCRIPT = `mount --make-rprivate /; mount --bind "$1" "$1"; cd "$1"; mkdir -p oldroot
mount -t proc proc proc; mount --rbind /dev dev; mount --rbind /sys sys; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp
pivot_root . oldroot; cd /; umount -l /oldroot; exec bash /root/readme.sh`

await runScript(async () => {
  if (process.geteuid?.() !== 0)
    throw new UserError('npm run bench:fresh needs root: it mounts a root filesystem of its own. Run it as root.')
  const tarball = await bootstrapDebian('bookworm')
  logStep('Preparing a bare Debian with Node 20')
  rmSync(rootDir, { recursive: true, force: true })
  mkdirSync(rootDir, { recursive: true })
  try {
    await run(['tar', '-C', rootDir, '-xf', tarball])
    await prepareTree()
    logStep('Following the README (a minute)')
    const output = await run(['unshare', '-m', 'bash', '-ec', ENTER_ROOT_SCRIPT, 'bash', rootDir])
    const times = (output.trim().split('\n').at(-1) ?? '').split(' ').map(Number)
    const [start = 0, installed = 0, up = 0, ready = 0, end = 0] = times
    const seconds = (from: number, to: number) => (to - from).toFixed(1)
    print(`git, curl and ssh from Debian: ${seconds(start, installed)} s
npm run up, including downloads and builds: ${seconds(installed, up)} s
log in, add a droplet, list: ${seconds(ready, end)} s`)
  } finally {
    rmSync(rootDir, { recursive: true, force: true })
  }
})

/** Copies Node 20, which the README requires, and the network and apt configuration from this host. */
async function prepareTree(): Promise<void> {
  const inTree = (path: string) => join(rootDir, path)
  const node = (await run(['which', 'node'])).trim()
  const npm = dirname(dirname(realpathSync((await run(['which', 'npm'])).trim())))
  cpSync(realpathSync(node), inTree('usr/local/bin/node'))
  cpSync(npm, inTree('usr/local/lib/node_modules/npm'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', inTree('usr/local/bin/npm'))
  mkdirSync(inTree('etc/ssl/certs'), { recursive: true })
  const copiedPaths: [string, string][] = ['/etc/resolv.conf', '/etc/hosts', '/etc/apt/apt.conf.d'].map(path => [
    path,
    path,
  ])
  for (const [from, to] of [...copiedPaths, [hostCaBundle, copiedCaBundle]] as const) {
    if (existsSync(from)) cpSync(from, inTree(to), { recursive: true, dereference: true })
  }
  await run(['git', 'clone', '-q', '--bare', root, inTree('root/source.git')])
  writeFileSync(inTree('root/readme.sh'), README_SCRIPT)
}
