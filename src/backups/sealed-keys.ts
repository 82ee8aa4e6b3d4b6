import { scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ConfigError, OperatorError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { KEY_BYTES, type Key, type RandomBytes } from '../store/key-file.ts'
import { createSealer } from '../store/sealing.ts'

// The keys of a system under a passphrase: scrypt (RFC 7914) makes a key of it, AES-256-GCM seals with that.

/** 128 MiB and a good part of a second for each guess. */
const COST = { n: 131_072, r: 8, p: 1 } as const
const SALT_BYTES = 16
const SHORTEST_PASSPHRASE = 12

/** How they were sealed, for the manifest. */
export interface KeySealing {
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
export function sealKeys(
  keys: SystemKeys,
  passphrase: Secret,
  random: RandomBytes,
): { sealing: KeySealing; seal: (context: string) => Promise<Uint8Array> } {
  const salt = random(SALT_BYTES)
  const sealer = createSealer(derive(passphrase, salt), random)
  const plain = JSON.stringify({ sealing: keys.sealing.reveal().toHex(), audit: keys.audit.reveal().toHex() })
  return {
    sealing: { kdf: 'scrypt', ...COST, salt: salt.toHex(), cipher: 'aes-256-gcm' },
    seal: context => sealer.seal(new TextEncoder().encode(plain), context),
  }
}

/** @throws OperatorError for another passphrase, and for a backup that was changed */
export async function openKeys(
  sealed: Uint8Array,
  { salt }: KeySealing,
  passphrase: Secret,
  context: string,
): Promise<SystemKeys> {
  const random: RandomBytes = size => new Uint8Array(size)
  const sealer = createSealer(derive(passphrase, Uint8Array.fromHex(salt)), random)
  try {
    const plain: unknown = JSON.parse(new TextDecoder().decode(await sealer.open(sealed, context)))
    return { sealing: keyIn(plain, 'sealing'), audit: keyIn(plain, 'audit') }
  } catch (cause) {
    throw new OperatorError(
      'The keys in the backup do not open: the passphrase is another one, or the backup was changed',
      { cause },
    )
  }
}

/** The one way in which this program seals them: a file must not choose what is spent on opening it. */
export function isKeySealing(value: unknown): value is KeySealing {
  if (typeof value !== 'object' || value === null) return false
  const { kdf, n, r, p, salt, cipher }: Partial<KeySealing> = value
  const isOurs = kdf === 'scrypt' && n === COST.n && r === COST.r && p === COST.p && cipher === 'aes-256-gcm'
  return isOurs && typeof salt === 'string' && new RegExp(`^[0-9a-f]{${2 * SALT_BYTES}}$`).test(salt)
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
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`--passphrase-file ${file} cannot be read (${reason}): name a file with the passphrase in it`)
  }
  if ([...text].length < SHORTEST_PASSPHRASE) {
    throw new ConfigError(
      `--passphrase-file ${file} holds fewer than ${SHORTEST_PASSPHRASE} characters: choose a longer passphrase`,
    )
  }
  return new Secret(text)
}

function derive(passphrase: Secret, salt: Uint8Array): Key {
  const { n: N, r, p } = COST
  const bytes = scryptSync(passphrase.reveal(), salt, KEY_BYTES, { N, r, p, maxmem: 2 * 128 * N * r })
  return new Secret(new Uint8Array(bytes))
}

function keyIn(value: unknown, name: keyof SystemKeys): Key {
  const text = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text)) throw new Error('no key')
  return new Secret(Uint8Array.fromHex(text))
}
