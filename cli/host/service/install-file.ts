import {
  closeSync,
  copyFileSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Writes a file atomically, even if the power fails: to a temporary file, then renamed.
 * @returns whether anything changed
 */
export function writeAtomic(path: string, text: string, mode: number): boolean {
  if (readText(path) === text && modeOf(path) === mode) return false
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const tempPath = tempPathFor(path)
  const file = openSync(tempPath, 'w', mode)
  writeSync(file, text)
  commitFile(file, tempPath, path, mode)
  return true
}

/**
 * Like `writeAtomic`, with a copy of another file.
 * @param previous the replaced file keeps this name, if its content differs
 * @returns whether anything changed
 */
export async function copyAtomic(path: string, source: string, mode: number, previous?: string): Promise<boolean> {
  const isSame = existsSync(path) && (await hasSameContent(path, source))
  if (isSame && modeOf(path) === mode) return false
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  if (previous && existsSync(path) && !isSame) {
    rmSync(previous, { force: true })
    linkSync(path, previous)
  }
  const tempPath = tempPathFor(path)
  copyFileSync(source, tempPath)
  commitFile(openSync(tempPath, 'r+'), tempPath, path, mode)
  return true
}

/** @returns undefined if there is no such file */
export function readText(path: string): string | undefined {
  return statSync(path, { throwIfNoEntry: false }) && readFileSync(path, 'utf8')
}

/** Sets the mode regardless of the umask. */
function commitFile(file: number, tempPath: string, path: string, mode: number): void {
  fchmodSync(file, mode)
  fsyncSync(file)
  closeSync(file)
  renameSync(tempPath, path)
  const directory = openSync(dirname(path), 'r')
  fsyncSync(directory)
  closeSync(directory)
}

/** A fixed name, so that a leftover of an interrupted run is overwritten. */
function tempPathFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.new`)
}

function modeOf(path: string): number | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && stats.mode & 0o7777
}

export async function hasSameContent(one: string, other: string): Promise<boolean> {
  const [a, b] = [statSync(one), statSync(other)]
  if (a.dev === b.dev && a.ino === b.ino) return true
  return a.size === b.size && (await digestOf(one)) === (await digestOf(other))
}

async function digestOf(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk)
  return hasher.digest('hex')
}
