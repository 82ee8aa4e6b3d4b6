import { readFileSync, writeFileSync } from 'node:fs'

/** Turns over all bits of one byte of a file. */
export function flipByte(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
  writeFileSync(file, bytes)
}
