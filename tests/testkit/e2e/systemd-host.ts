import { binary } from '../../../scripts/lib/paths.ts'
import { pollUntil, run } from '../../../scripts/lib/run.ts'
import { DEFAULT_IMAGE } from '../../../src/config/parse.ts'
import type { TestEngine } from './engines.ts'

export type SystemdHost = Awaited<ReturnType<typeof startSystemdHost>>

/** The path of this tree's binary on the host. */
export const HOST_BINARY = '/opt/cikit-api'
const SOCKET = '/var/run/docker.sock'

/**
 * Starts a machine with systemd: a real droplet that has the engine's socket, as a Matrix host does, and may mount, so
 * that the full sandbox of a service works.
 */
export async function startSystemdHost(engine: TestEngine, name = 'systemd-host') {
  const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])
  const mounts = ['/sys/fs/cgroup:/sys/fs/cgroup:ro', `${binary}:${HOST_BINARY}:ro`, `${engine.socket}:${SOCKET}`]
  const privilegeFlags = [
    '--cap-add',
    'SYS_ADMIN',
    '--security-opt',
    'seccomp=unconfined',
    '--security-opt',
    'apparmor=unconfined',
  ]
  const volumeFlags = mounts.flatMap(mount => ['-v', mount])
  const tmpfsFlags = ['--tmpfs', '/run', '--tmpfs', '/tmp:exec']
  const nameFlags = ['--hostname', 'matrix.test', '--name', name]
  await docker('run', '-d', ...nameFlags, ...privilegeFlags, ...tmpfsFlags, ...volumeFlags, DEFAULT_IMAGE)
  const exec = (...args: string[]) => docker('exec', name, ...args)
  const isBooted = () =>
    exec('systemctl', 'is-system-running').then(
      () => true,
      () => false,
    )
  if (!(await pollUntil(60_000, isBooted)))
    throw new Error(`${name} did not boot: ${await exec('systemctl', '--failed')}`)
  const address = (await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', name)).trim()
  return {
    address,
    /** Creates the group of the engine's socket, as Docker's package does on a host. */
    createSocketGroup: () => exec('sh', '-c', `groupadd --system --gid $(stat -c %g ${SOCKET}) docker`),
    /** Starts a command on the host without waiting for it. */
    start: (...args: string[]) => docker('exec', '-d', name, ...args),
    /** Runs a command as root on the host. @throws UserError if it fails */
    exec,
    /** Runs a shell script as root on the host. */
    shell: (script: string) => exec('sh', '-c', script),
    /** Runs a command on the host and returns its result, even if it fails. */
    async tryExec(...args: string[]) {
      const child = Bun.spawn(['docker', '-H', `unix://${engine.socket}`, 'exec', name, ...args], {
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
      return { exitCode, stdout, stderr }
    },
  }
}
