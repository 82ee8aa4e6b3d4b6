import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The files of a data directory whose purpose it is to hold a key. */
const KEY_FILES = /^(sealing\.key|audit\.key|credentials\/[^/]+\/[^/]+\.private\.key)$/

/** Every other file of a data directory, by its name there. The database's WAL is as it lies, before any checkpoint. */
export function readDataDir(dataDir: string): Map<string, Buffer> {
  const names = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
  return new Map(names.filter(name => !KEY_FILES.test(name)).map(name => [name, readFileSync(join(dataDir, name))]))
}

/** What everybody on the host, or a crash report, sees of a process and of those that it started. */
export function readProcess(pid: number): Buffer {
  const readProcFile = (name: string) => readIfAlive(`/proc/${pid}/${name}`)
  const children = readProcFile(`task/${pid}/children`).toString().split(' ').filter(Boolean).map(Number)
  return Buffer.concat([readProcFile('cmdline'), readProcFile('environ'), ...children.map(readProcess)])
}

/** Of a process that has ended meanwhile there is nothing to be seen any more. */
function readIfAlive(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(ESRCH|ENOENT)$/.test(String(error.code))) return Buffer.alloc(0)
    throw error
  }
}

/** The private halves of the droplets' keys that lie there now, by the file: its lines, and the seed that they encode. */
export function readPrivateKeys(dataDir: string): Map<string, { lines: string[]; seed: Buffer }> {
  const dir = join(dataDir, 'credentials')
  // A folder may outlive its keys; what else lies in it is searched like every file.
  const names = readdirSync(dir).filter(name => existsSync(join(dir, name, `${name}.private.key`)))
  return new Map(
    names.map(name => {
      const lines = readFileSync(join(dir, name, `${name}.private.key`), 'utf8')
        .trim()
        .split('\n')
        .slice(1, -1)
      const [, publicKey = ''] = readFileSync(join(dir, name, `${name}.public.key`), 'utf8').split(' ')
      // Both end in the 32 bytes of the public key; in the private one the seed stands right before it (OpenSSH, PROTOCOL.key).
      const point = Buffer.from(publicKey, 'base64').subarray(-32)
      const decodedKey = Buffer.from(lines.join(''), 'base64')
      const seedEnd = decodedKey.lastIndexOf(point)
      return [`${name}.private.key`, { lines, seed: decodedKey.subarray(seedEnd - 32, seedEnd) }]
    }),
  )
}
