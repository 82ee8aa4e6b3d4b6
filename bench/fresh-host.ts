import { cpSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bootstrapDebian } from '../scripts/lib/images.ts'
import { root, workDir } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { main, Obstacle, print, say } from '../scripts/lib/terminal.ts'

// How long it takes somebody who has a bare Debian and the README, until the first list: `npm run up` in a minimal Debian with
// namespaces of its own, and then what it prints. The network is this host's, so no other Docker Engine may run here.

const tree = join(workDir, 'fresh-host')
/** What this host trusts, for a network with an authority of its own. */
const authorities = '/etc/ssl/certs/ca-certificates.crt'
/** There under another name: Debian's package makes its own. */
const broughtAuthorities = '/etc/ssl/certs/brought.crt'

/** The whole way, timed in the tree: EPOCHREALTIME is in seconds. */
const WAY = `set -e
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
export NODE_EXTRA_CA_CERTS=${broughtAuthorities} npm_config_cafile=${broughtAuthorities}
cd /root
begin=$EPOCHREALTIME
apt-get update -qq > /dev/null
apt-get install -y -qq --no-install-recommends git curl openssh-client ca-certificates > apt.log 2>&1
installed=$EPOCHREALTIME
git clone -q source.git cikit-api
cd cikit-api
npm run up > ../up.log 2>&1 || { tail -n 20 ../up.log; exit 1; }
up=$EPOCHREALTIME
apt-get install -y -qq oathtool > ../apt.log 2>&1
code=$(oathtool --totp -b "$(grep -oE '\\b[A-Z2-7]{32}\\b' ../up.log | head -n 1)")
ready=$EPOCHREALTIME
eval "$(grep -E '^(TOKEN=|curl )' ../up.log | sed "s/123456/$code/")" > ../list.json
end=$EPOCHREALTIME
npm run down -- --purge > ../down.log 2>&1
grep -q '"name":"cikit01"' ../list.json
echo "$begin $installed $up $ready $end"`

const SETUP = `mount --make-rprivate /; mount --bind "$1" "$1"; cd "$1"; mkdir -p oldroot
mount -t proc proc proc; mount --rbind /dev dev; mount --rbind /sys sys; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp
pivot_root . oldroot; cd /; umount -l /oldroot; exec bash /root/way`

await main(async () => {
  if (process.geteuid?.() !== 0) throw new Obstacle('It enters a root of its own: run it as root')
  const tarball = await bootstrapDebian('bookworm')
  say('A bare Debian with Node 20')
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  try {
    await run(['tar', '-C', tree, '-xf', tarball])
    await furnish()
    say('The way of the README (a minute)')
    const out = await run(['unshare', '-m', 'bash', '-ec', SETUP, 'bash', tree])
    const times = (out.trim().split('\n').at(-1) ?? '').split(' ').map(Number)
    const [begin = 0, installed = 0, up = 0, ready = 0, end = 0] = times
    const seconds = (from: number, to: number) => (to - from).toFixed(1)
    print(`git, curl and ssh from Debian: ${seconds(begin, installed)} s
npm run up, with all that it downloads and builds: ${seconds(installed, up)} s
log in, add a droplet, list: ${seconds(ready, end)} s`)
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
})

/** What the README takes for granted, Node 20, from this host; and how packages are reached from here. */
async function furnish(): Promise<void> {
  const inTree = (path: string) => join(tree, path)
  const node = (await run(['which', 'node'])).trim()
  const npm = dirname(dirname(realpathSync((await run(['which', 'npm'])).trim())))
  cpSync(realpathSync(node), inTree('usr/local/bin/node'))
  cpSync(npm, inTree('usr/local/lib/node_modules/npm'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', inTree('usr/local/bin/npm'))
  mkdirSync(inTree('etc/ssl/certs'), { recursive: true })
  const brought: [string, string][] = ['/etc/resolv.conf', '/etc/hosts', '/etc/apt/apt.conf.d'].map(path => [
    path,
    path,
  ])
  for (const [from, to] of [...brought, [authorities, broughtAuthorities]] as const) {
    if (existsSync(from)) cpSync(from, inTree(to), { recursive: true, dereference: true })
  }
  await run(['git', 'clone', '-q', '--bare', root, inTree('root/source.git')])
  writeFileSync(inTree('root/way'), WAY)
}
