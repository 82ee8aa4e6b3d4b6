import { join } from 'node:path'
import { type Dockerd, type DockerdOptions, startDockerd, stopDockerd } from '../../../scripts/lib/dockerd.ts'
import { engineApi } from '../../../scripts/lib/engine-api.ts'
import { workDir } from '../../../scripts/lib/paths.ts'

// The real engines of the end-to-end tests. They start in seconds, since `prepareEngines` has done the slow work once.

/**
 * Docker 20.10 with this host's cgroups; Docker 20.10 with cgroup v2; Docker 28 from Debian's next release with cgroup
 * v2.
 */
export const engineKinds = ['host', 'cgroup2', 'docker28'] as const
export type EngineKind = (typeof engineKinds)[number]

/** An image that boots at once and stops on the stop signal of droplets. */
export const SMALL_IMAGE = 'localhost/small:test'

export interface TestEngine extends Dockerd {
  kind: EngineKind
  /** Wraps a command line so that it runs in the network in which this engine publishes ports. */
  inEngineNetwork: (command: string[]) => string[]
  /** Removes every container. */
  removeContainers: () => Promise<void>
  stop: () => Promise<void>
}

export const cacheDir = join(workDir, 'cache')
export const docker28Root = join(cacheDir, 'forky')

/** @param options `keep`: keeps the containers of the previous run instead of removing them */
export async function startEngine(kind: EngineKind, { keep: keepContainers = false } = {}): Promise<TestEngine> {
  const location = locations[kind]()
  const dockerd = await startDockerd(location)
  const removeContainers = async () => {
    const response = await engineApi(dockerd.socket, 'GET', '/containers/json?all=1')
    const containers = (await response.json()) as { Id: string }[]
    await Promise.all(containers.map(({ Id }) => engineApi(dockerd.socket, 'DELETE', `/containers/${Id}?force=1&v=1`)))
  }
  if (!keepContainers) await removeContainers()
  return {
    ...dockerd,
    kind,
    removeContainers,
    inEngineNetwork: command =>
      kind === 'host' ? command : ['nsenter', `--net=/proc/${dockerd.pid}/ns/net`, ...command],
    stop: () => stopDockerd(location),
  }
}

const locations: Record<EngineKind, () => DockerdOptions> = {
  host: () => ({ dir: join(cacheDir, 'engine-host') }),

  cgroup2: () => ({
    dir: join(cacheDir, 'engine-cgroup2'),
    wrapCommand: command =>
      inNamespaces(
        `umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
         mount -t cgroup2 none /sys/fs/cgroup`,
        command,
      ),
  }),

  docker28: () => ({
    dir: join(docker28Root, 'engine'),
    innerDir: '/engine',
    // Not chroot: an exec into a container would enter the wrong root.
    wrapCommand: command =>
      inNamespaces(
        `mount --bind '${docker28Root}' '${docker28Root}'; cd '${docker28Root}'; mkdir -p oldroot
         mount -t tmpfs tmpfs run; mount -t proc proc proc; mount --rbind /dev dev; mount -t sysfs sysfs sys
         mount -t cgroup2 none sys/fs/cgroup
         pivot_root . oldroot; cd /; umount -l /oldroot`,
        command,
      ),
  }),
}

/** Runs a command in its own mount and network namespaces: two engines in one network would fight over the bridge. */
function inNamespaces(setup: string, command: string[]): string[] {
  const script = `set -e; mount --make-rprivate /; ip link set lo up; ${setup}; exec "$@"`
  return ['unshare', '-m', '-n', 'bash', '-c', script, 'bash', ...command]
}
