import { fstatSync, readSync, writeSync } from 'node:fs'
import { OperatorError } from '../core/errors.ts'

// Tar archives (POSIX.1-2017, pax, "ustar Interchange Format") of plain files only. The reader rejects everything that the
// writer would not write, so links, devices and foreign paths need no handling.

const BLOCK_SIZE = 512
const END_SIZE = 2 * BLOCK_SIZE
const CHUNK_SIZE = 1_048_576
/** Largest size in eleven octal digits. */
const MAX_FILE_SIZE = 8 ** 11 - 1
const MAX_ENTRIES = 10_000

interface ArchiveEntry {
  name: string
  /** Bytes. */
  size: number
}

export interface LocatedEntry extends ArchiveEntry {
  offset: number
}

/** @param time modification time, milliseconds since 1970 */
export function encodeHeader({ name, size }: ArchiveEntry, time: number): Buffer {
  if (size > MAX_FILE_SIZE) throw new OperatorError(`${name} is larger than 8 GiB, the limit for a file in a backup`)
  const block = Buffer.alloc(BLOCK_SIZE)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  block.write(name, 0, 100)
  block.write(octal(0o600, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size, 11), 124)
  block.write(octal(Math.floor(time / 1000), 11), 136)
  // The checksum is computed with blanks in its own field.
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257, 'latin1')
  const checksum = block.reduce((sum, byte) => sum + byte, 0)
  block.write(`${octal(checksum, 6)}\0 `, 148, 'latin1')
  return block
}

/** Writes the entries in order, then the end. */
export function createArchiveWriter(fd: number, time: number) {
  return {
    /** @param chunks must have `entry.size` bytes in total */
    add(entry: ArchiveEntry, chunks: Iterable<Uint8Array>): void {
      writeAll(fd, encodeHeader(entry, time))
      let written = 0
      for (const chunk of chunks) {
        writeAll(fd, chunk)
        written += chunk.length
      }
      if (written !== entry.size) throw new OperatorError(`${entry.name} changed while it was read: try again`)
      writeAll(fd, Buffer.alloc(paddingOf(entry.size)))
    },
    end: (): void => writeAll(fd, Buffer.alloc(END_SIZE)),
  }
}

/**
 * Reads the headers of an archive.
 * @throws OperatorError for everything that the writer would not write
 */
export function listEntries(fd: number): LocatedEntry[] {
  const stat = fstatSync(fd)
  if (!stat.isFile() || stat.size % BLOCK_SIZE !== 0) throw corruptBackup('it is not an archive, or truncated')
  const entries: LocatedEntry[] = []
  const names = new Set<string>()
  let position = 0
  while (position < stat.size - END_SIZE) {
    const entry = parseHeader(readAt(fd, position, BLOCK_SIZE))
    const offset = position + BLOCK_SIZE
    position = offset + entry.size + paddingOf(entry.size)
    if (!isZeroFilled(readAt(fd, offset + entry.size, paddingOf(entry.size))))
      throw corruptBackup('unexpected data between its files')
    if (names.has(entry.name)) throw corruptBackup(`${JSON.stringify(entry.name)} appears twice`)
    if (entries.length === MAX_ENTRIES) throw corruptBackup('it has too many files')
    names.add(entry.name)
    entries.push({ ...entry, offset })
  }
  if (position !== stat.size - END_SIZE || !isZeroFilled(readAt(fd, position, END_SIZE)))
    throw corruptBackup('it is truncated')
  return entries
}

/** Reads an entry in chunks. */
export function* readChunks(fd: number, { offset, size }: Omit<LocatedEntry, 'name'>): Generator<Buffer> {
  for (let done = 0; done < size; done += CHUNK_SIZE) {
    yield readAt(fd, offset + done, Math.min(CHUNK_SIZE, size - done))
  }
}

export function corruptBackup(reason: string): OperatorError {
  return new OperatorError(`The file is not a cikit-api backup, or is corrupt (${reason}): use another one`)
}

function parseHeader(block: Buffer): ArchiveEntry {
  const text = (from: number, to: number) => block.toString('latin1', from, to).split('\0', 1)[0] ?? ''
  const number = (from: number, to: number) => {
    const digits = text(from, to)
    return /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
  }
  const entry = { name: text(0, 100), size: number(124, 136) }
  const time = number(136, 148)
  const isCanonical = entry.size >= 0 && time >= 0 && encodeHeader(entry, time * 1000).equals(block)
  if (!isCanonical) throw corruptBackup('it has an unexpected entry')
  return entry
}

function readAt(fd: number, position: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let done = 0; done < size; ) {
    const read = readSync(fd, bytes, done, size - done, position + done)
    if (read === 0) throw corruptBackup('it is truncated')
    done += read
  }
  return bytes
}

function isZeroFilled(bytes: Buffer): boolean {
  return bytes.every(byte => byte === 0)
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
}

function paddingOf(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE
}
