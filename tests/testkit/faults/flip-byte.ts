import { readFileSync, writeFileSync } from 'node:fs'

/** Inverts all bits of one byte of a file. */
export function flipByte(file: string, offset: number): void {
  const bytes = readFileSync(file)
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 0xff, offset)
  writeFileSync(file, bytes)
}
