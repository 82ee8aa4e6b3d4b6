import { chmodSync, closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'

export type Key = Secret<Uint8Array<ArrayBuffer>>

export const KEY_BYTES = 32

/**
 * Makes a key file (32 bytes in hex, 0600) that is on the disk when this returns; leaves an existing one.
 * @throws OperatorError
 */
export function ensureKeyFile(file: string, random: RandomBytes): void {
  // Written aside and then linked: `link` fails where the file exists (as O_EXCL does), and nobody ever reads half a key.
  const tempFile = `${file}.${process.pid}`
  try {
    writeKeyFile(tempFile, new Secret(random(KEY_BYTES)))
    linkSync(tempFile, file)
  } catch (cause) {
    if (!isFileExistsError(cause)) {
      const reason = errorMessage(cause)
      throw new OperatorError(
        `The key file ${file} cannot be made (${reason}): check the disk and who owns the directory`,
        { cause },
      )
    }
  } finally {
    removeTempFile(tempFile)
  }
  fsyncDirectory(dirname(file))
}

function removeTempFile(tempFile: string): void {
  try {
    rmSync(tempFile, { force: true })
  } catch {
    // Where nothing can be written, nothing was.
  }
}

/** Writes a key into a new file, in the place of one that lies there. */
export function writeKeyFile(file: string, key: Key): void {
  rmSync(file, { force: true })
  // On the disk before anything is done with it: a power cut must not leave work without its key.
  writeFileSync(file, `${key.reveal().toHex()}\n`, { mode: 0o600, flag: 'wx', flush: true })
  chmodSync(file, 0o600)
}

/** @throws OperatorError naming the file, when it is missing or holds no key */
export function readKeyFile(file: string): Key {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new OperatorError(`The key file ${file} is missing or cannot be read: put it back`, { cause })
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new OperatorError(`The key file ${file} does not hold a key (64 hex digits): put the right one back`)
  }
  return new Secret(Uint8Array.fromHex(text))
}

/** Makes what was linked or renamed in a directory outlast a power cut. */
export function fsyncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  fsyncSync(directory)
  closeSync(directory)
}

function isFileExistsError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}
