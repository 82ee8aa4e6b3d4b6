import { scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { errorMessage } from '../core/error-message.ts'
import { ConfigError, OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'
import { createSecretBox } from '../store/encryption.ts'
import { KEY_BYTES, type Key } from '../store/key-file.ts'

// Encrypts the system's keys with a passphrase: scrypt (RFC 7914) derives the key for AES-256-GCM.

/** Each guess costs 128 MiB and a good part of a second. */
const SCRYPT_COST = { n: 131_072, r: 8, p: 1 } as const
const SALT_BYTES = 16
const MIN_PASSPHRASE_LENGTH = 12

/** Parameters of the encryption, stored in the manifest. */
export interface KeyEncryptionParams {
  kdf: 'scrypt'
  n: number
  r: number
  p: number
  /** In hex. */
  salt: string
  cipher: 'aes-256-gcm'
}

/** The keys of the secrets and of the audit log. In the file format, the first is named `sealing`. */
export interface SystemKeys {
  encryption: Key
  audit: Key
}

/** @returns `encrypt` takes the context that the keys are bound to */
export function encryptKeys(
  keys: SystemKeys,
  passphrase: Secret,
  random: RandomBytes,
): { params: KeyEncryptionParams; encrypt: (context: string) => Promise<Uint8Array> } {
  const salt = random(SALT_BYTES)
  const secretBox = createSecretBox(deriveKey(passphrase, salt), random)
  const plaintext = JSON.stringify({ sealing: keys.encryption.reveal().toHex(), audit: keys.audit.reveal().toHex() })
  return {
    params: { kdf: 'scrypt', ...SCRYPT_COST, salt: salt.toHex(), cipher: 'aes-256-gcm' },
    encrypt: context => secretBox.encrypt(new TextEncoder().encode(plaintext), context),
  }
}

/** @throws OperatorError for a wrong passphrase or a changed backup */
export async function decryptKeys(
  encrypted: Uint8Array,
  { salt }: KeyEncryptionParams,
  passphrase: Secret,
  context: string,
): Promise<SystemKeys> {
  const random: RandomBytes = size => new Uint8Array(size)
  const secretBox = createSecretBox(deriveKey(passphrase, Uint8Array.fromHex(salt)), random)
  try {
    const plaintext: unknown = JSON.parse(new TextDecoder().decode(await secretBox.decrypt(encrypted, context)))
    return { encryption: parseKey(plaintext, 'sealing'), audit: parseKey(plaintext, 'audit') }
  } catch (cause) {
    throw new OperatorError(
      'The keys in the backup cannot be decrypted: the passphrase is wrong, or the backup was changed',
      { cause },
    )
  }
}

/** Accepts only our own parameters: a file must not choose the cost of opening it. */
export function isKeyEncryptionParams(value: unknown): value is KeyEncryptionParams {
  if (typeof value !== 'object' || value === null) return false
  const { kdf, n, r, p, salt, cipher }: Partial<KeyEncryptionParams> = value
  const isSupported =
    kdf === 'scrypt' && n === SCRYPT_COST.n && r === SCRYPT_COST.r && p === SCRYPT_COST.p && cipher === 'aes-256-gcm'
  return isSupported && typeof salt === 'string' && new RegExp(`^[0-9a-f]{${2 * SALT_BYTES}}$`).test(salt)
}

/**
 * Reads a passphrase from a file, without the final line break.
 * @throws ConfigError for an unreadable file or a short passphrase
 */
export function readPassphrase(file: string): Secret {
  let text: string
  try {
    text = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const reason = errorMessage(error)
    throw new ConfigError(
      `--passphrase-file ${file} cannot be read (${reason}): name a file that contains the passphrase`,
    )
  }
  if ([...text].length < MIN_PASSPHRASE_LENGTH) {
    throw new ConfigError(
      `--passphrase-file ${file} has fewer than ${MIN_PASSPHRASE_LENGTH} characters: choose a longer passphrase`,
    )
  }
  return new Secret(text)
}

function deriveKey(passphrase: Secret, salt: Uint8Array): Key {
  const { n: N, r, p } = SCRYPT_COST
  const bytes = scryptSync(passphrase.reveal(), salt, KEY_BYTES, { N, r, p, maxmem: 2 * 128 * N * r })
  return new Secret(new Uint8Array(bytes))
}

function parseKey(value: unknown, name: 'sealing' | 'audit'): Key {
  const text = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text)) throw new Error('not a key')
  return new Secret(Uint8Array.fromHex(text))
}
