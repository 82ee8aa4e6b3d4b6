import { createHash } from 'node:crypto'
import { isKeyOfType } from './public-key.ts'

/** The types of host keys that sshd generates (ssh-keygen(1), `-A`). */
const KEY_TYPES = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
])
/** Enough for an RSA key of 16384 bits, the longest that OpenSSH supports. */
const MAX_LENGTH = 3_000

/**
 * Parses a public host key.
 * @param text untrusted output of a droplet
 * @returns the key without its comment, `TYPE BASE64`, or undefined if the text is not a host key
 */
export function parseHostKey(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const [, key, type = '', base64 = ''] = /^(([a-z0-9-]+) ([A-Za-z0-9+/]+={0,2}))(?: .*)?$/.exec(text) ?? []
  return KEY_TYPES.has(type) && isKeyOfType(base64, type) ? key : undefined
}

/** The fingerprint that `ssh-keygen -l` prints: SHA-256 of the key blob (RFC 4253 section 6.6) in base64 without padding. */
export function fingerprintOf(key: string): string {
  const blob = Buffer.from(key.split(' ')[1] ?? '', 'base64')
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}
