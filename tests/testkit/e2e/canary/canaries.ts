import { decodeBase32 } from '../../auth/totp.ts'
import { encodingsOf } from './encodings.ts'

export type Canaries = ReturnType<typeof createCanaries>

interface Needle {
  name: string
  form: string
  bytes: Buffer
  /** Counts only when no letter or digit is next to it. */
  delimited: boolean
}

/** Known secrets in all encodings, and the search for them. */
export function createCanaries() {
  const knownSecrets = new Set<string>()
  /** By the first four bytes, so that content is scanned once for all secrets. */
  const needles = new Map<number, Needle[]>()

  function add(name: string, bytes: Buffer, delimited = false): void {
    const key = bytes.toString('latin1')
    if (knownSecrets.has(key)) return
    knownSecrets.add(key)
    for (const [form, needle] of encodingsOf(bytes)) {
      const prefix = needle.readUInt32BE(0)
      const samePrefix = needles.get(prefix) ?? []
      needles.set(prefix, [...samePrefix, { name, form, bytes: needle, delimited }])
    }
  }

  return {
    addText: (name: string, text: string) => add(name, Buffer.from(text)),

    /** A token or key in hex: its text and its bytes. */
    addHex(name: string, hex: string): void {
      add(name, Buffer.from(hex))
      add(`${name} (its bytes)`, Buffer.from(hex, 'hex'))
    },

    /** A TOTP secret in Base32: its text and its bytes. */
    addBase32(name: string, text: string): void {
      add(name, Buffer.from(text))
      add(`${name} (its bytes)`, decodeBase32(text))
    },

    /** As shown, and as hashed. */
    addRecoveryCode(text: string): void {
      add('a recovery code', Buffer.from(text))
      add('a recovery code without hyphens', Buffer.from(text.replaceAll('-', '')))
    },

    addBytes: add,

    /**
     * Six digits also occur in ids, hashes and timestamps by chance, so a code counts only without a letter or digit
     * next to it. See also `isDistinctive`.
     */
    addCode: (name: string, code: string) => add(name, Buffer.from(code), true),

    get size(): number {
      return knownSecrets.size
    },

    /** @returns the matches with their context: `a wrong code, base64, in: …` */
    findIn(content: Buffer): string[] {
      const matches: string[] = []
      let prefix = 0
      for (let index = 0; index < content.length; index++) {
        prefix = ((prefix << 8) | (content[index] ?? 0)) >>> 0
        const start = index - 3
        for (const needle of (start >= 0 && needles.get(prefix)) || []) {
          const { name, form, bytes, delimited } = needle
          if (!content.subarray(start, start + bytes.length).equals(bytes)) continue
          if (delimited && (isAlphanumeric(content[start - 1]) || isAlphanumeric(content[start + bytes.length])))
            continue
          const context = content.subarray(Math.max(0, start - 60), start + bytes.length + 30)
          matches.push(`${name}, ${form}, in: ${JSON.stringify(context.toString('latin1'))}`)
        }
      }
      return matches
    },
  }
}

/** Numbers never start with 0, so a code that does cannot be a process id, a port or a duration. */
export function isDistinctive(code: string): boolean {
  return code.startsWith('0') && new Set(code).size > 3
}

function isAlphanumeric(byte: number | undefined): boolean {
  return byte !== undefined && /[0-9A-Za-z]/.test(String.fromCharCode(byte))
}
