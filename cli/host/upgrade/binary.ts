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
import { errorMessage } from '../../../src/core/error-message.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import { fsyncDirectory } from '../../../src/store/key-file.ts'
import { migrations } from '../../../src/store/migrations/index.ts'
import { version } from '../../../src/version.ts'
import { runProgram } from '../../shared/run-program.ts'
import { previousPath } from '../service/layout.ts'

/** How a binary describes itself. */
export interface BinaryDescription {
  name: 'cikit-api'
  version: string
  /** The newest migration it supports; it rejects newer data. */
  migration: number
  /** Identifies the numbering of `migration`; development builds before the first release lack it. */
  schema: 1
}

const DESCRIBE_LIMIT_MS = 20_000
const CHUNK_BYTES = 1_048_576
/** `e_machine` of the ELF header, by Bun's architecture names. */
const elfMachines: Partial<Record<NodeJS.Architecture, number>> = { x64: 62, arm64: 183 }

export const ownDescription: BinaryDescription = {
  name: 'cikit-api',
  version,
  migration: migrations.at(-1)?.id ?? 0,
  schema: 1,
}

const stagedPath = (binary: string) => `${binary}.new`

/**
 * Copies a file next to the binary, where other users cannot write, and checks the copy. It is not run before its checksum
 * matches.
 * @param sum SHA-256 in hex
 * @returns the path of the copy, executable
 * @throws OperatorError
 */
export function stageBinary(file: string, sum: string, binary: string): string {
  const staged = stagedPath(binary)
  const from = openTrustedFile(file)
  try {
    const to = createStagedFile(staged, binary)
    try {
      const { hash, head } = copyAndHash(from, to)
      if (hash !== sum.toLowerCase())
        throw new OperatorError(`The SHA-256 of ${file} is ${hash}, which does not match: download it again`)
      rejectForeignBinary(file, head)
      fchmodSync(to, 0o755)
      fsyncSync(to)
      return staged
    } catch (error) {
      rmSync(staged, { force: true })
      throw error
    } finally {
      closeSync(to)
    }
  } finally {
    closeSync(from)
  }
}

/**
 * Runs a binary to get its version.
 * @throws OperatorError if it is not cikit-api, or cannot run on this host
 */
export async function describeBinary(path: string): Promise<BinaryDescription> {
  try {
    const { code, stdout } = await runProgram([path, 'upgrade', '--describe'], AbortSignal.timeout(DESCRIBE_LIMIT_MS))
    const output: Partial<BinaryDescription> = code === 0 ? JSON.parse(stdout) : {}
    const { name, version, migration, schema } = output
    if (
      name === 'cikit-api' &&
      typeof version === 'string' &&
      /^[\w.+-]{1,64}$/.test(version) &&
      Number.isInteger(migration)
    ) {
      if (schema !== 1) throw developmentBuildError(path)
      return { name, version, migration: Number(migration), schema }
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    // It does not run, or prints something else.
  }
  throw new OperatorError(`${path} is not a cikit-api binary for this host: download the right one`)
}

function developmentBuildError(path: string): OperatorError {
  return new OperatorError(
    `${path} is a development build from before the first release, whose data only converts forwards: stop it and put the new binary in its place with cikit-api install`,
  )
}

/**
 * Replaces the binary atomically, and keeps the old one as the previous binary.
 * @returns `undo` restores both; `commit` removes what `undo` needs
 */
export function swapBinary(staged: string, binary: string): { undo: () => void; commit: () => void } {
  const previous = previousPath(binary)
  const older = `${previous}.old`
  const hadOlder = existsSync(previous)
  if (hadOlder) replaceLink(previous, older)
  replaceLink(binary, previous)
  replaceFile(staged, binary)
  return {
    undo() {
      replaceLink(previous, binary)
      if (hadOlder) replaceFile(older, previous)
      else rmSync(previous)
    },
    commit: () => rmSync(older, { force: true }),
  }
}

/** Stages the previous binary for `swapBinary`. */
export function stagePrevious(binary: string): string {
  const staged = stagedPath(binary)
  replaceLink(previousPath(binary), staged)
  return staged
}

/** Hard-links a file to a name, replacing what has that name. */
function replaceLink(file: string, name: string): void {
  const tempPath = `${name}.link`
  rmSync(tempPath, { force: true })
  linkSync(file, tempPath)
  replaceFile(tempPath, name)
}

function replaceFile(from: string, to: string): void {
  renameSync(from, to)
  // rename(2) does nothing if both names are links to the same file.
  rmSync(from, { force: true })
  fsyncDirectory(dirname(to))
}

function openTrustedFile(file: string): number {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    throw new OperatorError(`${file} cannot be read (${errorMessage(error)}): name the downloaded binary`)
  }
  const { mode, uid } = fstatSync(fd)
  const isFile = (mode & 0o170000) === 0o100000
  const isWritableByOthers = (mode & 0o022) !== 0 || (uid !== 0 && uid !== process.geteuid?.())
  if (isFile && !isWritableByOthers) return fd
  closeSync(fd)
  if (!isFile) throw new OperatorError(`${file} is not a regular file: name the downloaded binary`)
  throw new OperatorError(
    `Other users can write to ${file}: check where it comes from, then run chown root and chmod 755 on it`,
  )
}

function createStagedFile(staged: string, binary: string): number {
  try {
    rmSync(staged, { force: true })
    return openSync(staged, 'wx', 0o700)
  } catch (error) {
    throw new OperatorError(
      `The directory of ${binary} is not writable (${errorMessage(error)}): run this as root, or name another --binary`,
    )
  }
}

function copyAndHash(from: number, to: number): { hash: string; head: Uint8Array } {
  const hasher = new Bun.CryptoHasher('sha256')
  const buffer = new Uint8Array(CHUNK_BYTES)
  let head = new Uint8Array()
  for (;;) {
    const size = readSync(from, buffer, 0, CHUNK_BYTES, null)
    if (size === 0) return { hash: hasher.digest('hex'), head }
    const chunk = buffer.subarray(0, size)
    if (head.length === 0) head = chunk.slice(0, 20)
    hasher.update(chunk)
    for (let done = 0; done < size; ) done += writeSync(to, chunk, done)
  }
}

function rejectForeignBinary(file: string, head: Uint8Array): void {
  const bytes = Buffer.from(head)
  const isElf = bytes.length === 20 && bytes.readUInt32BE(0) === 0x7f454c46
  if (isElf && bytes.readUInt16LE(18) === elfMachines[process.arch]) return
  throw new OperatorError(`${file} is not a program for ${process.arch}: download the binary for this host`)
}
