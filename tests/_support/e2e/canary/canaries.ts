import { decodeBase32 } from '../../codes.ts'
import { formsOf } from './encodings.ts'

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
  const known = new Set<string>()
  /** By the first four bytes, so that a place is read once, however many secrets there are. */
  const needles = new Map<number, Needle[]>()

  function add(name: string, bytes: Buffer, delimited = false): void {
    const key = bytes.toString('latin1')
    if (known.has(key)) return
    known.add(key)
    for (const [form, needle] of formsOf(bytes)) {
      const start = needle.readUInt32BE(0)
      const others = needles.get(start) ?? []
      needles.set(start, [...others, { name, form, bytes: needle, delimited }])
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
      return known.size
    },

    /** @returns what is there: `the code of ann as base64 in: …around it…` */
    findIn(place: Buffer): string[] {
      const found: string[] = []
      let start = 0
      for (let at = 0; at < place.length; at++) {
        start = ((start << 8) | (place[at] ?? 0)) >>> 0
        const from = at - 3
        for (const needle of (from >= 0 && needles.get(start)) || []) {
          const { name, form, bytes, delimited } = needle
          if (!place.subarray(from, from + bytes.length).equals(bytes)) continue
          if (delimited && (isWord(place[from - 1]) || isWord(place[from + bytes.length]))) continue
          const around = place.subarray(Math.max(0, from - 60), from + bytes.length + 30)
          found.push(`${name}, ${form}, in: ${JSON.stringify(around.toString('latin1'))}`)
        }
      }
      return found
    },
  }
}

/** A number never begins with 0, so that a code that does so is no process id, port or duration either. */
export function isUnlikely(code: string): boolean {
  return code.startsWith('0') && new Set(code).size > 3
}

function isWord(byte: number | undefined): boolean {
  return byte !== undefined && /[0-9A-Za-z]/.test(String.fromCharCode(byte))
}
