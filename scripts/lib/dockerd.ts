import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { engineAnswers } from './engine-api.ts'
import { pollUntil, run } from './run.ts'
import { UserError } from './terminal.ts'

/** A Docker Engine of our own: everything it has lies in one folder. */
export interface Dockerd {
  socket: string
  pid: number
}

export function socketPath(dir: string): string {
  return join(dir, 'docker.sock')
}

export interface DockerdOptions {
  /** The folder with all that this engine has. */
  dir: string
  /** The same folder as dockerd itself sees it, where that has another root. */
  innerDir?: string
  /** Makes the command line that starts it elsewhere, in other namespaces, say. */
  wrapCommand?: (command: string[]) => string[]
}

/** Starts dockerd with its data in a folder, or takes the one that runs there. */
export async function startDockerd(options: DockerdOptions): Promise<Dockerd> {
  const { dir, innerDir = dir, wrapCommand = command => command } = options
  const socket = socketPath(dir)
  const running = dockerdPid(options)
  if (running !== undefined && (await engineAnswers(socket))) return { socket, pid: running }
  mkdirSync(dir, { recursive: true })
  rmSync(pidFile(dir), { force: true })
  const pathFlags = [
    '--data-root',
    join(innerDir, 'data'),
    '--exec-root',
    join(innerDir, 'exec'),
    '--pidfile',
    pidFile(innerDir),
  ]
  const output = openSync(join(dir, 'dockerd.log'), 'w')
  const child = Bun.spawn(wrapCommand(['dockerd', '-H', `unix://${socketPath(innerDir)}`, ...pathFlags]), {
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    detached: true,
  })
  child.unref()
  const ready = await pollUntil(60_000, async () => child.exitCode !== null || (await engineAnswers(socket)))
  const pid = dockerdPid(options)
  if (!ready || child.exitCode !== null || pid === undefined) {
    const log = readFileSync(join(dir, 'dockerd.log'), 'utf8').trim().split('\n').slice(-5).join('\n')
    throw new UserError(`dockerd does not start in ${dir}:\n${log}`)
  }
  return { socket, pid }
}

/** Stops the dockerd of this folder, which stops its containers; none running is fine. */
export async function stopDockerd(options: DockerdOptions): Promise<void> {
  const pid = dockerdPid(options)
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM')
    const stopped = await pollUntil(60_000, () => dockerdPid(options) === undefined)
    if (!stopped) throw new UserError(`dockerd (${pid}) does not stop`)
  }
  for (const mount of mountsBelow(options.dir)) {
    // Its containerd goes a moment after it, and has files open until then.
    const unmounted = await pollUntil(10_000, () => run(['umount', mount]).then(returnTrue, returnFalse))
    if (!unmounted) throw new UserError(`${mount} stays in use: find out by whom with fuser -vm ${mount}`)
  }
}

const returnTrue = () => true
const returnFalse = () => false

/** Whether a dockerd of this folder runs. */
export function isDockerdRunning(options: DockerdOptions): boolean {
  return dockerdPid(options) !== undefined
}

/** What dockerd mounted in its folder and, depending on how that is mounted itself, leaves behind; the innermost first. */
function mountsBelow(dir: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(point => point.startsWith(`${dir}/`))
  return points.toReversed()
}

function pidFile(dir: string): string {
  return join(dir, 'docker.pid')
}

/** The process in the pid file, if it is alive and a dockerd: after a reboot the number may be anybody's. */
function dockerdPid({ dir, innerDir = dir }: DockerdOptions): number | undefined {
  if (!existsSync(pidFile(dir))) return undefined
  const pid = Number(readFileSync(pidFile(dir), 'utf8'))
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return command.includes('dockerd') && command.includes(innerDir) ? pid : undefined
  } catch {
    return undefined
  }
}
