import { chmodSync, closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode } from '../core/error-code.ts'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'

export type Key = Secret<Uint8Array<ArrayBuffer>>

export const KEY_BYTES = 32

/**
 * Creates a key file (32 bytes in hex, 0600) durably; keeps an existing one.
 * @throws OperatorError
 */
export function ensureKeyFile(file: string, random: RandomBytes): void {
  // Written to a temporary file and linked: `link` fails if the file exists, and nobody reads an incomplete key.
  const tempFile = `${file}.${process.pid}`
  try {
    writeKeyFile(tempFile, new Secret(random(KEY_BYTES)))
    linkSync(tempFile, file)
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') {
      const reason = errorMessage(cause)
      throw new OperatorError(
        `The key file ${file} cannot be created (${reason}): check the disk and who owns the directory`,
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
    // Read-only: the file was not created either.
  }
}

/** Writes a key to a new file; replaces an existing file. */
export function writeKeyFile(file: string, key: Key): void {
  rmSync(file, { force: true })
  // Durable before first use: a power cut must not leave encrypted data without its key.
  writeFileSync(file, `${key.reveal().toHex()}\n`, { mode: 0o600, flag: 'wx', flush: true })
  chmodSync(file, 0o600)
}

/** @throws OperatorError naming the file when it is missing or does not contain a key */
export function readKeyFile(file: string): Key {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new OperatorError(`The key file ${file} is missing or cannot be read: restore it`, { cause })
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new OperatorError(`The key file ${file} does not contain a key (64 hex digits): restore the right one`)
  }
  return new Secret(Uint8Array.fromHex(text))
}

/** Makes links and renames in a directory durable. */
export function fsyncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  fsyncSync(directory)
  closeSync(directory)
}
