import { fstatSync, readSync, writeSync } from 'node:fs'
import { OperatorError } from '../errors.ts'

// A tar archive (POSIX.1-2017, pax, "ustar Interchange Format") of plain files, and of nothing else: what would not be
// written here is not read here either, so that links, devices and paths of others never have to be understood.

const BLOCK = 512
const END = 2 * BLOCK
const CHUNK = 1_048_576
/** Eleven octal digits. */
const LARGEST = 8 ** 11 - 1
const MOST_PARTS = 10_000

export interface Part {
  name: string
  /** Bytes. */
  size: number
}

/** Where the bytes of a part are in the file. */
export interface PlacedPart extends Part {
  offset: number
}

/** @param time milliseconds since 1970, for whoever lists the archive */
export function headerOf({ name, size }: Part, time: number): Buffer {
  if (size > LARGEST) throw new OperatorError(`${name} is larger than the 8 GiB that a backup can hold of one file`)
  const block = Buffer.alloc(BLOCK)
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
    add(part: Part, chunks: Iterable<Uint8Array>): void {
      writeAll(fd, headerOf(part, time))
      let written = 0
      for (const chunk of chunks) {
        writeAll(fd, chunk)
        written += chunk.length
      }
      if (written !== part.size) throw new OperatorError(`${part.name} changed while it was read: try again`)
      writeAll(fd, Buffer.alloc(paddingOf(part.size)))
    },
    end: (): void => writeAll(fd, Buffer.alloc(END)),
  }
}

/**
 * The parts of an archive, by their headers.
 * @throws OperatorError for everything that the writer above would not have written
 */
export function listParts(fd: number): PlacedPart[] {
  const stat = fstatSync(fd)
  if (!stat.isFile() || stat.size % BLOCK !== 0) throw damaged('it is no archive, or was cut off')
  const parts: PlacedPart[] = []
  const names = new Set<string>()
  let at = 0
  while (at < stat.size - END) {
    const part = parseHeader(readAt(fd, at, BLOCK))
    const offset = at + BLOCK
    at = offset + part.size + paddingOf(part.size)
    if (!isBlank(readAt(fd, offset + part.size, paddingOf(part.size))))
      throw damaged('there is something between its files')
    if (names.has(part.name)) throw damaged(`${JSON.stringify(part.name)} is in it twice`)
    if (parts.length === MOST_PARTS) throw damaged('there are too many files in it')
    names.add(part.name)
    parts.push({ ...part, offset })
  }
  if (at !== stat.size - END || !isBlank(readAt(fd, at, END))) throw damaged('it was cut off')
  return parts
}

/** The bytes of a part, a chunk at a time. */
export function* chunksOf(fd: number, { offset, size }: Omit<PlacedPart, 'name'>): Generator<Buffer> {
  for (let done = 0; done < size; done += CHUNK) {
    yield readAt(fd, offset + done, Math.min(CHUNK, size - done))
  }
}

export function damaged(reason: string): OperatorError {
  return new OperatorError(`The file is no backup of cikit-api, or is damaged (${reason}): take another one`)
}

function parseHeader(block: Buffer): Part {
  const text = (from: number, to: number) => block.toString('latin1', from, to).split('\0', 1)[0] ?? ''
  const number = (from: number, to: number) => {
    const digits = text(from, to)
    return /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
  }
  const part = { name: text(0, 100), size: number(124, 136) }
  const time = number(136, 148)
  const isOurs = part.size >= 0 && time >= 0 && headerOf(part, time * 1000).equals(block)
  if (!isOurs) throw damaged('there is something in it that no backup has')
  return part
}

function readAt(fd: number, at: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let done = 0; done < size; ) {
    const read = readSync(fd, bytes, done, size - done, at + done)
    if (read === 0) throw damaged('it was cut off')
    done += read
  }
  return bytes
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every(byte => byte === 0)
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}
