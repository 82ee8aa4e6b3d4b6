import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages } from '../../../scripts/lib/debian.ts'
import { type Dockerd, type DockerdPlace, startDockerd, stopDockerd } from '../../../scripts/lib/dockerd.ts'
import { engineApi, importImage } from '../../../scripts/lib/engine-api.ts'
import { debootstrap, ensureDropletImage } from '../../../scripts/lib/images.ts'
import { workDir } from '../../../scripts/lib/paths.ts'
import { run } from '../../../scripts/lib/run.ts'
import { say } from '../../../scripts/lib/terminal.ts'
import { OWN_IMAGE } from '../../../src/setting-values.ts'

// The real engines of the end-to-end tests. `prepareEngines` does once what takes minutes; a test then starts what it needs in seconds.

/** This host's own cgroups, cgroup v2 with Debian's Docker 20.10, cgroup v2 with Docker 28 from Debian's next release. */
export const engineKinds = ['host', 'cgroup2', 'docker28'] as const
export type EngineKind = (typeof engineKinds)[number]

/** Boots in no time and stops at the signal that droplets are stopped with. */
export const SMALL_IMAGE = 'localhost/small:test'

export interface TestEngine extends Dockerd {
  kind: EngineKind
  /** The command line of something that runs in the network in which this engine publishes its ports. */
  inItsNetwork: (command: string[]) => string[]
  /** Removes every container. */
  clear: () => Promise<void>
  stop: () => Promise<void>
}

const cache = join(workDir, 'cache')
const tree28 = join(cache, 'forky')
const dropletTarball = join(cache, 'cikit-droplet.tar')
const smallTarball = join(cache, 'small.tar')

/** Makes the trees and images of all engines. Each engine keeps them for the next run. */
export async function prepareEngines(): Promise<void> {
  mkdirSync(cache, { recursive: true })
  await installPackages(['docker.io', 'iptables', 'iproute2', 'busybox-static'])
  await makeSmallTarball()
  if (!existsSync(tree28)) {
    say("Making a Docker 28 from Debian's next release with debootstrap (a minute)")
    await debootstrap('forky', tree28, ['docker.io', 'iptables', 'ca-certificates'])
  }
  await withEngine('host', async engine => {
    if (isPrepared('host')) return
    await forgetOwnImage(engine)
    await ensureDropletImage(engine.socket)
    await save(engine, OWN_IMAGE, dropletTarball)
    await importSmall(engine)
    markPrepared('host')
  })
  for (const kind of ['cgroup2', 'docker28'] as const) {
    if (isPrepared(kind)) continue
    say(`Preparing the engine ${kind}`)
    await withEngine(kind, async engine => {
      await forgetOwnImage(engine)
      await load(engine, dropletTarball)
      await importSmall(engine)
    })
    markPrepared(kind)
  }
}

/** @param options `keep`: with the containers that it had when it stopped, instead of none */
export async function startEngine(kind: EngineKind, { keep = false } = {}): Promise<TestEngine> {
  const place = places[kind]()
  const dockerd = await startDockerd(place)
  const clear = async () => {
    const containers = (await (await engineApi(dockerd.socket, 'GET', '/containers/json?all=1')).json()) as {
      Id: string
    }[]
    await Promise.all(containers.map(({ Id }) => engineApi(dockerd.socket, 'DELETE', `/containers/${Id}?force=1&v=1`)))
  }
  if (!keep) await clear()
  return {
    ...dockerd,
    kind,
    clear,
    inItsNetwork: command => (kind === 'host' ? command : ['nsenter', `--net=/proc/${dockerd.pid}/ns/net`, ...command]),
    stop: () => stopDockerd(place),
  }
}

const places: Record<EngineKind, () => DockerdPlace> = {
  host: () => ({ dir: join(cache, 'engine-host') }),

  cgroup2: () => ({
    dir: join(cache, 'engine-cgroup2'),
    wrap: command =>
      inNamespaces(
        `umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
         mount -t cgroup2 none /sys/fs/cgroup`,
        command,
      ),
  }),

  docker28: () => ({
    dir: join(tree28, 'engine'),
    seenAs: '/engine',
    // By pivot_root and not by chroot: an exec into a container would enter the wrong root.
    wrap: command =>
      inNamespaces(
        `mount --bind '${tree28}' '${tree28}'; cd '${tree28}'; mkdir -p oldroot
         mount -t tmpfs tmpfs run; mount -t proc proc proc; mount --rbind /dev dev; mount -t sysfs sysfs sys
         mount -t cgroup2 none sys/fs/cgroup
         pivot_root . oldroot; cd /; umount -l /oldroot`,
        command,
      ),
  }),
}

/** In mount and network namespaces of its own: two engines in one network take each other's bridge away. */
function inNamespaces(setup: string, command: string[]): string[] {
  const script = `set -e; mount --make-rprivate /; ip link set lo up; ${setup}; exec "$@"`
  return ['unshare', '-m', '-n', 'bash', '-c', script, 'bash', ...command]
}

async function withEngine(kind: EngineKind, work: (engine: TestEngine) => Promise<void>): Promise<void> {
  const engine = await startEngine(kind)
  try {
    await work(engine)
  } finally {
    await engine.stop()
  }
}

async function makeSmallTarball(): Promise<void> {
  if (existsSync(smallTarball)) return
  const tree = join(cache, 'small')
  mkdirSync(join(tree, 'bin'), { recursive: true })
  mkdirSync(join(tree, 'root'), { recursive: true })
  await run(['cp', '/bin/busybox', join(tree, 'bin/busybox')])
  await run(['tar', '-C', tree, '--owner=0', '--group=0', '-cf', smallTarball, '.'])
  rmSync(tree, { recursive: true })
}

async function importSmall(engine: Dockerd): Promise<void> {
  // 37 is SIGRTMIN+3 on Linux.
  const loop = "trap 'exit 0' 37 TERM; while :; do /bin/busybox sleep 1000 & wait $!; done"
  await importImage(engine.socket, SMALL_IMAGE, smallTarball, [
    `CMD ${JSON.stringify(['/bin/busybox', 'sh', '-c', loop])}`,
  ])
}

async function forgetOwnImage(engine: Dockerd): Promise<void> {
  await engineApi(engine.socket, 'DELETE', `/images/${OWN_IMAGE}?force=1`)
}

async function save(engine: Dockerd, image: string, file: string): Promise<void> {
  const response = await engineApi(engine.socket, 'GET', `/images/${image}/get`)
  if (!response.ok) throw new Error(`${image} was not saved: ${await response.text()}`)
  await Bun.write(file, response)
}

async function load(engine: Dockerd, file: string): Promise<void> {
  const response = await engineApi(engine.socket, 'POST', '/images/load', Bun.file(file))
  const said = await response.text()
  if (!response.ok || said.includes('"error"')) throw new Error(`${file} was not loaded: ${said}`)
}

/** An engine is prepared for one Dockerfile; another one makes another image. */
function recipe(): string {
  return readFileSync(new URL('../../../src/engines/docker/droplet-image/Dockerfile', import.meta.url), 'utf8')
}

function isPrepared(kind: EngineKind): boolean {
  const file = join(cache, `prepared-${kind}`)
  return existsSync(file) && existsSync(dropletTarball) && readFileSync(file, 'utf8') === recipe()
}

function markPrepared(kind: EngineKind): void {
  writeFileSync(join(cache, `prepared-${kind}`), recipe())
}
