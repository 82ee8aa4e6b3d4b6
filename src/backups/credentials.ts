import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../core/error-code.ts'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import { parseCredential } from './manifest.ts'

/** A droplet's SSH key, private or public. */
interface Credential {
  /** `credentials/cikit01/cikit01.private.key` */
  name: string
  bytes: Buffer
}

const MAX_REREADS = 3

/**
 * Reads the SSH keys of all droplets, sorted by name; other files are ignored.
 * @throws OperatorError when they cannot be read
 */
export function readCredentials(directory: string): Credential[] {
  if (!existsSync(directory)) return []
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name)
      .toSorted()
      .flatMap(droplet => readPair(directory, droplet))
  } catch (cause) {
    const reason = errorMessage(cause)
    throw new OperatorError(`The droplets' SSH keys in ${directory} cannot be read (${reason}): check who owns them`, {
      cause,
    })
  }
}

/**
 * Path and mode of a droplet's key.
 * @param name as in a backup
 */
export function locateCredential(directory: string, name: string): { folder: string; path: string; mode: number } {
  const parsed = parseCredential(name)
  if (!parsed) throw new Error(`not a droplet's key: ${name}`)
  const folder = join(directory, parsed.droplet)
  return { folder, path: join(folder, parsed.file), mode: parsed.file.endsWith('.private.key') ? 0o400 : 0o600 }
}

/** Reads until both keys are stable, since adding a droplet may be replacing them. */
function readPair(directory: string, droplet: string): Credential[] {
  const names = ['private', 'public'].map(kind => `credentials/${droplet}/${droplet}.${kind}.key`)
  if (!names.every(name => parseCredential(name))) return []
  const read = () => names.flatMap(name => readIfExists(directory, name) ?? [])
  let pair = read()
  for (let attempt = 0; attempt < MAX_REREADS; attempt++) {
    const again = read()
    if (again.length === pair.length && again.every(({ bytes }, index) => pair[index]?.bytes.equals(bytes))) break
    pair = again
  }
  return pair
}

function readIfExists(directory: string, name: string): Credential | undefined {
  let fd: number
  try {
    // Links are not followed, and opening a pipe does not block.
    fd = openSync(
      locateCredential(directory, name).path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ELOOP') return undefined
    throw error
  }
  try {
    return fstatSync(fd).isFile() ? { name, bytes: readFileSync(fd) } : undefined
  } finally {
    closeSync(fd)
  }
}

/** Creates the directory of a droplet's keys (0700). */
export function createKeyFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
}
