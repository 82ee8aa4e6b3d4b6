import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { engineAnswers } from './engine-api.ts'
import { run, until } from './run.ts'
import { Obstacle } from './terminal.ts'

/** A Docker Engine of our own: everything it has lies in one folder. */
export interface Dockerd {
  socket: string
  pid: number
}

export function socketOf(dir: string): string {
  return join(dir, 'docker.sock')
}

export interface DockerdPlace {
  /** The folder with all that this engine has. */
  dir: string
  /** The same folder as dockerd itself sees it, where that has another root. */
  seenAs?: string
  /** Makes the command line that starts it elsewhere, in other namespaces, say. */
  wrap?: (command: string[]) => string[]
}

/** Starts dockerd with its data in a folder, or takes the one that runs there. */
export async function startDockerd(place: DockerdPlace): Promise<Dockerd> {
  const { dir, seenAs = dir, wrap = command => command } = place
  const socket = socketOf(dir)
  const running = dockerdPid(place)
  if (running !== undefined && (await engineAnswers(socket))) return { socket, pid: running }
  mkdirSync(dir, { recursive: true })
  rmSync(pidFile(dir), { force: true })
  const files = ['--data-root', join(seenAs, 'data'), '--exec-root', join(seenAs, 'exec'), '--pidfile', pidFile(seenAs)]
  const output = openSync(join(dir, 'dockerd.log'), 'w')
  const child = Bun.spawn(wrap(['dockerd', '-H', `unix://${socketOf(seenAs)}`, ...files]), {
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    detached: true,
  })
  child.unref()
  const ready = await until(60_000, async () => child.exitCode !== null || (await engineAnswers(socket)))
  const pid = dockerdPid(place)
  if (!ready || child.exitCode !== null || pid === undefined) {
    const log = readFileSync(join(dir, 'dockerd.log'), 'utf8').trim().split('\n').slice(-5).join('\n')
    throw new Obstacle(`dockerd does not start in ${dir}:\n${log}`)
  }
  return { socket, pid }
}

/** Stops the dockerd of this folder, which stops its containers; none running is fine. */
export async function stopDockerd(place: DockerdPlace): Promise<void> {
  const pid = dockerdPid(place)
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM')
    const gone = await until(60_000, () => dockerdPid(place) === undefined)
    if (!gone) throw new Obstacle(`dockerd (${pid}) does not stop`)
  }
  for (const mount of mountsBelow(place.dir)) {
    // Its containerd goes a moment after it, and has files open until then.
    const unmounted = await until(10_000, () => run(['umount', mount]).then(isSo, isNot))
    if (!unmounted) throw new Obstacle(`${mount} stays in use: find out by whom with fuser -vm ${mount}`)
  }
}

const isSo = () => true
const isNot = () => false

/** Whether a dockerd of this folder runs. */
export function runsDockerd(place: DockerdPlace): boolean {
  return dockerdPid(place) !== undefined
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
function dockerdPid({ dir, seenAs = dir }: DockerdPlace): number | undefined {
  if (!existsSync(pidFile(dir))) return undefined
  const pid = Number(readFileSync(pidFile(dir), 'utf8'))
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return command.includes('dockerd') && command.includes(seenAs) ? pid : undefined
  } catch {
    return undefined
  }
}
