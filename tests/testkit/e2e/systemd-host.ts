import { binary } from '../../../scripts/lib/paths.ts'
import { pollUntil, run } from '../../../scripts/lib/run.ts'
import { DEFAULT_IMAGE } from '../../../src/config/parse.ts'
import type { TestEngine } from './engines.ts'

export type SystemdHost = Awaited<ReturnType<typeof startSystemdHost>>

/** Where the binary of this tree lies there, and the engine's socket. */
export const HOST_BINARY = '/opt/cikit-api'
const SOCKET = '/var/run/docker.sock'

/**
 * A machine that systemd runs: a true droplet on the engine, which has the engine's own socket as a Matrix does, and
 * which may mount, so that the sandbox of a service is the whole one.
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
    throw new Error(`${name} does not boot: ${await exec('systemctl', '--failed')}`)
  const address = (await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', name)).trim()
  return {
    address,
    /** The engine's own group, as Docker's package makes it on a host. */
    createSocketGroup: () => exec('sh', '-c', `groupadd --system --gid $(stat -c %g ${SOCKET}) docker`),
    /** Starts something there, and does not wait for it. */
    start: (...args: string[]) => docker('exec', '-d', name, ...args),
    /** As root there; fails when the command does. */
    exec,
    /** Words of a shell, as root there. */
    shell: (script: string) => exec('sh', '-c', script),
    /** What a command there ended with, well or badly. */
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
