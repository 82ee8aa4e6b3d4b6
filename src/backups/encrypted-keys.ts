import { scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { errorMessage } from '../core/error-message.ts'
import { ConfigError, OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'
import { createSecretBox } from '../store/encryption.ts'
import { KEY_BYTES, type Key } from '../store/key-file.ts'

// The keys of a system under a passphrase: scrypt (RFC 7914) makes a key of it, AES-256-GCM seals with that.

/** 128 MiB and a good part of a second for each guess. */
const SCRYPT_COST = { n: 131_072, r: 8, p: 1 } as const
const SALT_BYTES = 16
const MIN_PASSPHRASE_LENGTH = 12

/** How they were sealed, for the manifest. */
export interface KeyEncryptionParams {
  kdf: 'scrypt'
  n: number
  r: number
  p: number
  /** In hex. */
  salt: string
  cipher: 'aes-256-gcm'
}

/** What the secrets of a system, and its audit, cannot be read without. */
export interface SystemKeys {
  sealing: Key
  audit: Key
}

/** @returns `seal` takes what they are to be bound to */
export function encryptKeys(
  keys: SystemKeys,
  passphrase: Secret,
  random: RandomBytes,
): { params: KeyEncryptionParams; encrypt: (context: string) => Promise<Uint8Array> } {
  const salt = random(SALT_BYTES)
  const secretBox = createSecretBox(deriveKey(passphrase, salt), random)
  const plaintext = JSON.stringify({ sealing: keys.sealing.reveal().toHex(), audit: keys.audit.reveal().toHex() })
  return {
    params: { kdf: 'scrypt', ...SCRYPT_COST, salt: salt.toHex(), cipher: 'aes-256-gcm' },
    encrypt: context => secretBox.encrypt(new TextEncoder().encode(plaintext), context),
  }
}

/** @throws OperatorError for another passphrase, and for a backup that was changed */
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
    return { sealing: parseKey(plaintext, 'sealing'), audit: parseKey(plaintext, 'audit') }
  } catch (cause) {
    throw new OperatorError(
      'The keys in the backup do not open: the passphrase is another one, or the backup was changed',
      { cause },
    )
  }
}

/** The one way in which this program seals them: a file must not choose what is spent on opening it. */
export function isKeyEncryptionParams(value: unknown): value is KeyEncryptionParams {
  if (typeof value !== 'object' || value === null) return false
  const { kdf, n, r, p, salt, cipher }: Partial<KeyEncryptionParams> = value
  const isSupported =
    kdf === 'scrypt' && n === SCRYPT_COST.n && r === SCRYPT_COST.r && p === SCRYPT_COST.p && cipher === 'aes-256-gcm'
  return isSupported && typeof salt === 'string' && new RegExp(`^[0-9a-f]{${2 * SALT_BYTES}}$`).test(salt)
}

/**
 * A passphrase from a file, without the line feed at its end.
 * @throws ConfigError for a file that cannot be read or holds too little
 */
export function readPassphrase(file: string): Secret {
  let text: string
  try {
    text = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const reason = errorMessage(error)
    throw new ConfigError(`--passphrase-file ${file} cannot be read (${reason}): name a file with the passphrase in it`)
  }
  if ([...text].length < MIN_PASSPHRASE_LENGTH) {
    throw new ConfigError(
      `--passphrase-file ${file} holds fewer than ${MIN_PASSPHRASE_LENGTH} characters: choose a longer passphrase`,
    )
  }
  return new Secret(text)
}

function deriveKey(passphrase: Secret, salt: Uint8Array): Key {
  const { n: N, r, p } = SCRYPT_COST
  const bytes = scryptSync(passphrase.reveal(), salt, KEY_BYTES, { N, r, p, maxmem: 2 * 128 * N * r })
  return new Secret(new Uint8Array(bytes))
}

function parseKey(value: unknown, name: keyof SystemKeys): Key {
  const text = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text)) throw new Error('no key')
  return new Secret(Uint8Array.fromHex(text))
}
