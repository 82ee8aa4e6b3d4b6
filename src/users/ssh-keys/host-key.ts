import { createHash } from 'node:crypto'
import { isKeyOfType } from './public-key.ts'

/** What sshd makes for a host by itself (ssh-keygen(1), `-A`). */
const KEY_TYPES = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
])
/** More than an RSA key of 16384 bits takes, which is the longest that OpenSSH knows. */
const MAX_LENGTH = 3_000

/**
 * A public host key without its comment, `TYPE BASE64`.
 * @param text what a droplet says, which may be anything
 */
export function parseHostKey(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const [, key, type = '', base64 = ''] = /^(([a-z0-9-]+) ([A-Za-z0-9+/]+={0,2}))(?: .*)?$/.exec(text) ?? []
  return KEY_TYPES.has(type) && isKeyOfType(base64, type) ? key : undefined
}

/** As `ssh-keygen -l` prints it: the SHA-256 of the key's blob (RFC 4253 section 6.6), in base64 without its padding. */
export function fingerprintOf(key: string): string {
  const blob = Buffer.from(key.split(' ')[1] ?? '', 'base64')
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}
