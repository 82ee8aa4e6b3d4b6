import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files of a data directory that contain a key by design. */
const KEY_FILES = /^(sealing\.key|audit\.key|credentials\/[^/]+\/[^/]+\.private\.key)$/

/** All other files of a data directory by relative path, including the database's WAL before any checkpoint. */
export function readDataDir(dataDir: string): Map<string, Buffer> {
  const names = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
  return new Map(names.filter(name => !KEY_FILES.test(name)).map(name => [name, readFileSync(join(dataDir, name))]))
}

/** What other processes and crash reports can see of a process and its children. */
export function readProcess(pid: number): Buffer {
  const readProcFile = (name: string) => readIfAlive(`/proc/${pid}/${name}`)
  const children = readProcFile(`task/${pid}/children`).toString().split(' ').filter(Boolean).map(Number)
  return Buffer.concat([readProcFile('cmdline'), readProcFile('environ'), ...children.map(readProcess)])
}

/** Empty if the process has exited. */
function readIfAlive(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(ESRCH|ENOENT)$/.test(String(error.code))) return Buffer.alloc(0)
    throw error
  }
}

/** The private keys of the existing droplets by file: the lines, and the seed that they encode. */
export function readPrivateKeys(dataDir: string): Map<string, { lines: string[]; seed: Buffer }> {
  const dir = join(dataDir, 'credentials')
  // A folder may outlive its keys; other files in it are searched like all files.
  const names = readdirSync(dir).filter(name => existsSync(join(dir, name, `${name}.private.key`)))
  return new Map(
    names.map(name => {
      const lines = readFileSync(join(dir, name, `${name}.private.key`), 'utf8')
        .trim()
        .split('\n')
        .slice(1, -1)
      const [, publicKey = ''] = readFileSync(join(dir, name, `${name}.public.key`), 'utf8').split(' ')
      // Both end with the 32 bytes of the public key, which the seed precedes in the private one (OpenSSH,
      // PROTOCOL.key).
      const point = Buffer.from(publicKey, 'base64').subarray(-32)
      const decodedKey = Buffer.from(lines.join(''), 'base64')
      const seedEnd = decodedKey.lastIndexOf(point)
      return [`${name}.private.key`, { lines, seed: decodedKey.subarray(seedEnd - 32, seedEnd) }]
    }),
  )
}
