import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { OperatorError } from '../../src/errors.ts'
import { syncDirectory } from '../../src/store/key-file.ts'
import { migrations } from '../../src/store/migrations/index.ts'
import { version } from '../../src/version.ts'
import { runProgram } from '../program.ts'

/** What a binary of ours says of itself. */
export interface Description {
  name: 'cikit-api'
  version: string
  /** The newest it knows: data of a newer one it refuses. */
  migration: number
}

const DESCRIBE_LIMIT_MS = 20_000
const CHUNK = 1_048_576
/** `e_machine` of the ELF header, by Bun's names of architectures. */
const machines: Partial<Record<NodeJS.Architecture, number>> = { x64: 62, arm64: 183 }

export const ownDescription: Description = { name: 'cikit-api', version, migration: migrations.at(-1)?.id ?? 0 }

export const previousOf = (binary: string) => `${binary}.previous`
const draftOf = (binary: string) => `${binary}.new`

/**
 * Copies a file to beside the binary, where nobody else may write, and checks the copy: its sum before anything else.
 * Nothing of it is run before that.
 * @param sum SHA-256 in hex
 * @returns the path of the copy, executable
 * @throws OperatorError
 */
export function bringIn(file: string, sum: string, binary: string): string {
  const draft = draftOf(binary)
  const from = openOwn(file)
  try {
    const to = createAnew(draft, binary)
    try {
      const { hash, head } = copyAll(from, to)
      if (hash !== sum.toLowerCase())
        throw new OperatorError(`The SHA-256 of ${file} is ${hash}, and not the one that was given: download it again`)
      refuseForeign(file, head)
      fchmodSync(to, 0o755)
      fsyncSync(to)
      return draft
    } catch (error) {
      rmSync(draft, { force: true })
      throw error
    } finally {
      closeSync(to)
    }
  } finally {
    closeSync(from)
  }
}

/**
 * Asks a binary what it is.
 * @throws OperatorError when it is none of ours, or cannot run here
 */
export async function describe(path: string): Promise<Description> {
  try {
    const { code, stdout } = await runProgram([path, 'upgrade', '--describe'], AbortSignal.timeout(DESCRIBE_LIMIT_MS))
    const told: Partial<Description> = code === 0 ? JSON.parse(stdout) : {}
    const { name, version, migration } = told
    if (
      name === 'cikit-api' &&
      typeof version === 'string' &&
      /^[\w.+-]{1,64}$/.test(version) &&
      Number.isInteger(migration)
    ) {
      return { name, version, migration: Number(migration) }
    }
  } catch {
    // It does not run, or says something else.
  }
  throw new OperatorError(`${path} is no cikit-api that runs on this host: take the one that is made for it`)
}

/**
 * Puts a file into the place of the binary, and keeps that as the previous one. At every moment there is a whole binary
 * in its place.
 * @returns how to take it back, as long as that may be needed
 */
export function swapIn(draft: string, binary: string): { undo: () => void; settle: () => void } {
  const previous = previousOf(binary)
  const older = `${previous}.old`
  const hadOlder = existsSync(previous)
  if (hadOlder) linkAnew(previous, older)
  linkAnew(binary, previous)
  rename(draft, binary)
  return {
    undo() {
      linkAnew(previous, binary)
      if (hadOlder) rename(older, previous)
      else rmSync(previous)
    },
    settle: () => rmSync(older, { force: true }),
  }
}

/** The previous binary as something to be swapped in. */
export function bringBack(binary: string): string {
  const draft = draftOf(binary)
  linkAnew(previousOf(binary), draft)
  return draft
}

/** Another name for a file, in the place of what has that name. */
function linkAnew(file: string, name: string): void {
  const draft = `${name}.link`
  rmSync(draft, { force: true })
  linkSync(file, draft)
  rename(draft, name)
}

function rename(from: string, to: string): void {
  renameSync(from, to)
  // Of two names for one file rename(2) leaves both.
  rmSync(from, { force: true })
  syncDirectory(dirname(to))
}

function openOwn(file: string): number {
  let opened: number
  try {
    opened = openSync(file, 'r')
  } catch (error) {
    throw new OperatorError(`${file} cannot be read (${reasonOf(error)}): name the binary that was downloaded`)
  }
  const { mode, uid } = fstatSync(opened)
  const isFile = (mode & 0o170000) === 0o100000
  const isOthers = (mode & 0o022) !== 0 || (uid !== 0 && uid !== process.geteuid?.())
  if (isFile && !isOthers) return opened
  closeSync(opened)
  if (!isFile) throw new OperatorError(`${file} is no file: name the binary that was downloaded`)
  throw new OperatorError(
    `Others may write to ${file}: chown root it, chmod 755 it, and check again where it comes from`,
  )
}

function createAnew(draft: string, binary: string): number {
  try {
    rmSync(draft, { force: true })
    return openSync(draft, 'wx', 0o700)
  } catch (error) {
    throw new OperatorError(
      `Nothing can be written beside ${binary} (${reasonOf(error)}): run this as root, or name another --binary`,
    )
  }
}

function copyAll(from: number, to: number): { hash: string; head: Uint8Array } {
  const hasher = new Bun.CryptoHasher('sha256')
  const buffer = new Uint8Array(CHUNK)
  let head = new Uint8Array()
  for (;;) {
    const size = readSync(from, buffer, 0, CHUNK, null)
    if (size === 0) return { hash: hasher.digest('hex'), head }
    const chunk = buffer.subarray(0, size)
    if (head.length === 0) head = chunk.slice(0, 20)
    hasher.update(chunk)
    for (let done = 0; done < size; ) done += writeSync(to, chunk, done)
  }
}

function refuseForeign(file: string, head: Uint8Array): void {
  const bytes = Buffer.from(head)
  const isElf = bytes.length === 20 && bytes.readUInt32BE(0) === 0x7f454c46
  if (isElf && bytes.readUInt16LE(18) === machines[process.arch]) return
  throw new OperatorError(`${file} is no program for ${process.arch}: take the one that is made for this host`)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
