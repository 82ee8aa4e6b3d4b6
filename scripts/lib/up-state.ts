import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary, workDir } from './paths.ts'

// The files that `npm run up` creates and `npm run down` reads. CIKIT_UP_DIR overrides their folder.

export const upDir = process.env.CIKIT_UP_DIR || join(workDir, 'up')
/** Contains the path of the engine's socket. */
export const socketFile = join(upDir, 'engine-socket')
export const dataDir = join(upDir, 'data')
export const credentialsDir = join(dataDir, 'credentials')
export const engineDir = join(upDir, 'engine')
export const logFile = join(upDir, 'serve.log')
export const serverUrl = `http://127.0.0.1:${process.env.CIKIT_API_PORT || 1337}`
export const owner = 'owner'
export const hostSocket = '/var/run/docker.sock'

/** The process that serves our data directory: the pid in serve.json, if that process is our binary. */
export function serverPid(): number | undefined {
  try {
    const { pid }: { pid: number } = JSON.parse(readFileSync(join(dataDir, 'serve.json'), 'utf8'))
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return command[0] === binary && command.includes('serve') ? pid : undefined
  } catch {
    return undefined
  }
}
