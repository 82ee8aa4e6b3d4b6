import { binary } from '../../../scripts/lib/paths.ts'
import { run, until } from '../../../scripts/lib/run.ts'
import { OWN_IMAGE } from '../../../src/setting-values.ts'
import type { TestEngine } from './engines.ts'

export type SystemdHost = Awaited<ReturnType<typeof startSystemdHost>>

/** Where the binary of this tree lies there, and the engine's socket. */
export const BROUGHT_BINARY = '/opt/cikit-api'
const SOCKET = '/var/run/docker.sock'

/**
 * A machine that systemd runs: a true droplet on the engine, which has the engine's own socket as a Matrix does, and
 * which may mount, so that the sandbox of a service is the whole one.
 */
export async function startSystemdHost(engine: TestEngine, name = 'systemd-host') {
  const docker = (...words: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...words])
  const mounts = ['/sys/fs/cgroup:/sys/fs/cgroup:ro', `${binary}:${BROUGHT_BINARY}:ro`, `${engine.socket}:${SOCKET}`]
  const rights = [
    '--cap-add',
    'SYS_ADMIN',
    '--security-opt',
    'seccomp=unconfined',
    '--security-opt',
    'apparmor=unconfined',
  ]
  const volumes = mounts.flatMap(mount => ['-v', mount])
  const tmpfs = ['--tmpfs', '/run', '--tmpfs', '/tmp:exec']
  const labels = ['--hostname', 'matrix.test', '--name', name]
  await docker('run', '-d', ...labels, ...rights, ...tmpfs, ...volumes, OWN_IMAGE)
  const exec = (...words: string[]) => docker('exec', name, ...words)
  const booted = () =>
    exec('systemctl', 'is-system-running').then(
      () => true,
      () => false,
    )
  if (!(await until(60_000, booted))) throw new Error(`${name} does not boot: ${await exec('systemctl', '--failed')}`)
  const address = (await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', name)).trim()
  return {
    address,
    docker,
    /** As root there; fails when the command does. */
    exec,
    /** Words of a shell, as root there. */
    sh: (script: string) => exec('sh', '-c', script),
    /** What a command there ended with, well or badly. */
    async tell(...words: string[]) {
      const child = Bun.spawn(['docker', '-H', `unix://${engine.socket}`, 'exec', name, ...words], {
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
      return { exitCode, stdout, stderr }
    },
  }
}
