import { ApiError } from '../../core/errors.ts'

const MAX_KEYS = 20
const MAX_COMMENT_LENGTH = 100

/** The types of user keys that OpenSSH accepts (ssh-keygen(1), PubkeyAcceptedAlgorithms of sshd_config(5)). */
const USER_KEY_TYPES = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
])

/**
 * Parses public SSH keys as in `.pub` files, `TYPE BASE64 COMMENT`, and removes duplicates. Rejects everything else that
 * a line of `authorized_keys` may hold (sshd(8): options, certificates).
 * @param value a field of a request: absent, a string, or an array of strings
 * @throws ApiError 917 that names the position of the invalid key
 */
export function parseSshKeys(value: unknown): string[] {
  if (value === undefined || value === null || value === '') return []
  const values: unknown[] = Array.isArray(value) ? value : [value]
  if (values.length > MAX_KEYS) throw malformed(`At most ${MAX_KEYS} "ssh_keys" are allowed`)
  const lines = new Map(values.map((key, index) => parseKey(key, index + 1)))
  return [...lines.values()]
}

/** @returns the key without its comment, and the line */
function parseKey(value: unknown, position: number): [key: string, line: string] {
  const match = typeof value === 'string' ? /^([\w@.-]+) +([A-Za-z0-9+/]+={0,2})(?: +(.*))?$/.exec(value.trim()) : null
  const [, type = '', base64 = '', comment = ''] = match ?? []
  if (!match || !USER_KEY_TYPES.has(type) || !isKeyOfType(base64, type)) {
    throw malformed(`Key ${position} of "ssh_keys" is not a valid SSH public key, such as "ssh-ed25519 AAAA… name"`)
  }
  const key = `${type} ${base64}`
  // Keep only the characters of names and addresses: no line breaks, no terminal control sequences.
  const safeComment = comment.replace(/[^\w@.:+ -]/g, '').slice(0, MAX_COMMENT_LENGTH)
  return [key, `${key} ${safeComment}`.trimEnd()]
}

/** RFC 4253 section 6.6: the blob starts with the length-prefixed key type (RFC 4251 section 5), and key data follows. */
export function isKeyOfType(base64: string, type: string): boolean {
  const blob = Buffer.from(base64, 'base64')
  const prefix = Buffer.alloc(4 + type.length)
  prefix.writeUInt32BE(type.length)
  prefix.write(type, 4)
  return blob.subarray(0, prefix.length).equals(prefix) && blob.length >= prefix.length + 32
}

function malformed(text: string): ApiError {
  return new ApiError('malformed', { text })
}
