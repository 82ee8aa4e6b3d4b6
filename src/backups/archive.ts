import { fstatSync, readSync, writeSync } from 'node:fs'
import { OperatorError } from '../core/errors.ts'

// A tar archive (POSIX.1-2017, pax, "ustar Interchange Format") of plain files, and of nothing else: what would not be
// written here is not read here either, so that links, devices and paths of others never have to be understood.

const BLOCK_SIZE = 512
const END_SIZE = 2 * BLOCK_SIZE
const CHUNK_SIZE = 1_048_576
/** Eleven octal digits. */
const MAX_FILE_SIZE = 8 ** 11 - 1
const MAX_ENTRIES = 10_000

export interface ArchiveEntry {
  name: string
  /** Bytes. */
  size: number
}

/** Where the bytes of a part are in the file. */
export interface LocatedEntry extends ArchiveEntry {
  offset: number
}

/** @param time milliseconds since 1970, for whoever lists the archive */
export function encodeHeader({ name, size }: ArchiveEntry, time: number): Buffer {
  if (size > MAX_FILE_SIZE)
    throw new OperatorError(`${name} is larger than the 8 GiB that a backup can hold of one file`)
  const block = Buffer.alloc(BLOCK_SIZE)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  block.write(name, 0, 100)
  block.write(octal(0o600, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size, 11), 124)
  block.write(octal(Math.floor(time / 1000), 11), 136)
  // The checksum is made with blanks in its own place.
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257, 'latin1')
  const checksum = block.reduce((sum, byte) => sum + byte, 0)
  block.write(`${octal(checksum, 6)}\0 `, 148, 'latin1')
  return block
}

/** Writes one part after another, and the end. */
export function createArchiveWriter(fd: number, time: number) {
  return {
    /** @param chunks its bytes, as many as were said */
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
 * The parts of an archive, by their headers.
 * @throws OperatorError for everything that the writer above would not have written
 */
export function listEntries(fd: number): LocatedEntry[] {
  const stat = fstatSync(fd)
  if (!stat.isFile() || stat.size % BLOCK_SIZE !== 0) throw corruptBackup('it is no archive, or was cut off')
  const entries: LocatedEntry[] = []
  const names = new Set<string>()
  let position = 0
  while (position < stat.size - END_SIZE) {
    const entry = parseHeader(readAt(fd, position, BLOCK_SIZE))
    const offset = position + BLOCK_SIZE
    position = offset + entry.size + paddingOf(entry.size)
    if (!isZeroFilled(readAt(fd, offset + entry.size, paddingOf(entry.size))))
      throw corruptBackup('there is something between its files')
    if (names.has(entry.name)) throw corruptBackup(`${JSON.stringify(entry.name)} is in it twice`)
    if (entries.length === MAX_ENTRIES) throw corruptBackup('there are too many files in it')
    names.add(entry.name)
    entries.push({ ...entry, offset })
  }
  if (position !== stat.size - END_SIZE || !isZeroFilled(readAt(fd, position, END_SIZE)))
    throw corruptBackup('it was cut off')
  return entries
}

/** The bytes of a part, a chunk at a time. */
export function* readChunks(fd: number, { offset, size }: Omit<LocatedEntry, 'name'>): Generator<Buffer> {
  for (let done = 0; done < size; done += CHUNK_SIZE) {
    yield readAt(fd, offset + done, Math.min(CHUNK_SIZE, size - done))
  }
}

export function corruptBackup(reason: string): OperatorError {
  return new OperatorError(`The file is no backup of cikit-api, or is damaged (${reason}): take another one`)
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
  if (!isCanonical) throw corruptBackup('there is something in it that no backup has')
  return entry
}

function readAt(fd: number, position: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let done = 0; done < size; ) {
    const read = readSync(fd, bytes, done, size - done, position + done)
    if (read === 0) throw corruptBackup('it was cut off')
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
