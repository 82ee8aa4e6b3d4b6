import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { engineAnswers } from './engine-api.ts'
import { until } from './run.ts'
import { Obstacle } from './terminal.ts'

/** A Docker Engine of our own: everything it has lies in one folder. */
export interface Dockerd {
  socket: string
  pid: number
}

export function socketOf(dir: string): string {
  return join(dir, 'docker.sock')
}

/**
 * Starts dockerd with its data in `dir`, or takes the one that runs there.
 * @param wrap makes the command line that starts it in other namespaces, say
 */
export async function startDockerd(dir: string, wrap = (command: string[]) => command): Promise<Dockerd> {
  const socket = socketOf(dir)
  const running = dockerdPid(dir)
  if (running !== undefined && (await engineAnswers(socket))) return { socket, pid: running }
  mkdirSync(dir, { recursive: true })
  const files = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--pidfile', pidFile(dir)]
  const output = openSync(join(dir, 'dockerd.log'), 'w')
  const child = Bun.spawn(wrap(['dockerd', '-H', `unix://${socket}`, ...files]), {
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    detached: true,
  })
  child.unref()
  const ready = await until(60_000, async () => child.exitCode !== null || (await engineAnswers(socket)))
  const pid = dockerdPid(dir)
  if (!ready || child.exitCode !== null || pid === undefined) {
    const log = readFileSync(join(dir, 'dockerd.log'), 'utf8').trim().split('\n').slice(-5).join('\n')
    throw new Obstacle(`dockerd does not start in ${dir}:\n${log}`)
  }
  return { socket, pid }
}

/** Stops the dockerd of this folder, which stops its containers; none running is fine. */
export async function stopDockerd(dir: string): Promise<void> {
  const pid = dockerdPid(dir)
  if (pid === undefined) return
  process.kill(pid, 'SIGTERM')
  if (!(await until(60_000, () => dockerdPid(dir) === undefined))) throw new Obstacle(`dockerd (${pid}) does not stop`)
}

function pidFile(dir: string): string {
  return join(dir, 'docker.pid')
}

/** The process in the pid file, if it is alive and a dockerd: after a reboot the number may be anybody's. */
function dockerdPid(dir: string): number | undefined {
  if (!existsSync(pidFile(dir))) return undefined
  const pid = Number(readFileSync(pidFile(dir), 'utf8'))
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return command.includes('dockerd') && command.includes(dir) ? pid : undefined
  } catch {
    return undefined
  }
}
