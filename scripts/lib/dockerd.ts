import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { engineAnswers } from './engine-api.ts'
import { pollUntil, run } from './run.ts'
import { UserError } from './terminal.ts'

/** A Docker Engine of our own, with all its files in one folder. */
export interface Dockerd {
  socket: string
  pid: number
}

export function socketPath(dir: string): string {
  return join(dir, 'docker.sock')
}

export interface DockerdOptions {
  /** The folder with all files of the engine. */
  dir: string
  /** The same folder as dockerd sees it, if dockerd runs in another root. */
  innerDir?: string
  /** Changes the command line, for example to start dockerd in other namespaces. */
  wrapCommand?: (command: string[]) => string[]
}

/** Starts dockerd with its data in a folder, unless it is already running there. */
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
    throw new UserError(`dockerd did not start in ${dir}:\n${log}`)
  }
  return { socket, pid }
}

/** Stops the dockerd of this folder and its containers, if it is running. */
export async function stopDockerd(options: DockerdOptions): Promise<void> {
  const pid = dockerdPid(options)
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM')
    const stopped = await pollUntil(60_000, () => dockerdPid(options) === undefined)
    if (!stopped)
      throw new UserError(`dockerd (process ${pid}) did not stop within 60 seconds. Kill it and run this again.`)
  }
  for (const mount of mountsBelow(options.dir)) {
    // containerd exits a moment after dockerd and holds files open until then.
    const unmounted = await pollUntil(10_000, () =>
      run(['umount', mount]).then(
        () => true,
        () => false,
      ),
    )
    if (!unmounted) throw new UserError(`${mount} is still in use. Find the process with: fuser -vm ${mount}`)
  }
}

export function isDockerdRunning(options: DockerdOptions): boolean {
  return dockerdPid(options) !== undefined
}

/**
 * Mounts that dockerd left in its folder, innermost first. Whether it leaves any depends on how the folder is mounted.
 */
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

/**
 * The process in the pid file, if it is alive and this dockerd: after a reboot the id may belong to another process.
 */
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
