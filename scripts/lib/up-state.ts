import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary, workDir } from './paths.ts'

// What `npm run up` keeps, and `npm run down` finds again. CIKIT_UP_DIR names another folder for it.

export const upDir = process.env.CIKIT_UP_DIR || join(workDir, 'up')
/** Holds the socket of the engine that `up` used. */
export const socketFile = join(upDir, 'engine-socket')
export const dataDir = join(upDir, 'data')
export const credentialsDir = join(dataDir, 'credentials')
export const engineDir = join(upDir, 'engine')
export const logFile = join(upDir, 'serve.log')
export const serverUrl = `http://127.0.0.1:${process.env.CIKIT_API_PORT || 1337}`
export const owner = 'owner'
export const hostSocket = '/var/run/docker.sock'

/** The process that serves our data directory, by what it wrote there and what it is. */
export function serverPid(): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(join(dataDir, 'serve.json'), 'utf8'))
    const command = readFileSync(`/proc/${Number(pid)}/cmdline`, 'utf8').split('\0')
    return command[0] === binary && command.includes('serve') ? Number(pid) : undefined
  } catch {
    return undefined
  }
}
