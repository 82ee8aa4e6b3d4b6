import { closeSync, fchmodSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { errorMessage } from '../../../src/core/error-message.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import { stagedPath } from '../service/layout.ts'

const CHUNK_BYTES = 1_048_576
/** `e_machine` of the ELF header, by Bun's architecture names. */
const elfMachines: Partial<Record<NodeJS.Architecture, number>> = { x64: 62, arm64: 183 }

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
