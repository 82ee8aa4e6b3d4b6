import { decodeBase32 } from '../../auth/totp.ts'
import { encodingsOf } from './encodings.ts'

export type Canaries = ReturnType<typeof createCanaries>

interface Needle {
  name: string
  form: string
  bytes: Buffer
  /** Counts only where it is a word of its own. */
  delimited: boolean
}

/** Secrets that are known, in all forms that they may take, and the search for them. */
export function createCanaries() {
  const knownSecrets = new Set<string>()
  /** By the first four bytes, so that a place is read once, however many secrets there are. */
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
    /** A text that nobody else may see. */
    addText: (name: string, text: string) => add(name, Buffer.from(text)),

    /** A token or a key in hex: as a text, and the bytes that it stands for. */
    addHex(name: string, hex: string): void {
      add(name, Buffer.from(hex))
      add(`${name} (its bytes)`, Buffer.from(hex, 'hex'))
    },

    /** A TOTP secret in Base32: as a text, and the bytes that it stands for. */
    addBase32(name: string, text: string): void {
      add(name, Buffer.from(text))
      add(`${name} (its bytes)`, decodeBase32(text))
    },

    /** As it is shown, and as it is hashed. */
    addRecoveryCode(text: string): void {
      add('a recovery code', Buffer.from(text))
      add('a recovery code without hyphens', Buffer.from(text.replaceAll('-', '')))
    },

    addBytes: add,

    /**
     * Six digits, which hex ids and timestamps hold by chance as well. So they count only where neither letter nor digit
     * is next to them, which no part of a UUID, of a hash or of a time allows; and see `isUnlikely`.
     */
    addCode: (name: string, code: string) => add(name, Buffer.from(code), true),

    get size(): number {
      return knownSecrets.size
    },

    /** @returns what is there: `the code of ann as base64 in: …around it…` */
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

/** A number never begins with 0, so that a code that does so is no process id, port or duration either. */
export function isDistinctive(code: string): boolean {
  return code.startsWith('0') && new Set(code).size > 3
}

function isAlphanumeric(byte: number | undefined): boolean {
  return byte !== undefined && /[0-9A-Za-z]/.test(String.fromCharCode(byte))
}
