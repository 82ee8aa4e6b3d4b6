/** Encodings of secrets in the original (`security.totp.type` of its config.json). */
export const encodings = ['base32', 'hex', 'ascii'] as const
export type Encoding = (typeof encodings)[number]

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** @returns undefined for a value in another encoding */
export function decodeSecret(value: unknown, encoding: Encoding): Uint8Array<ArrayBuffer> | undefined {
  return typeof value === 'string' ? decoders[encoding](value) : undefined
}

const decoders: Record<Encoding, (text: string) => Uint8Array<ArrayBuffer> | undefined> = {
  base32: decodeBase32,
  hex: text => (/^(?:[0-9A-Fa-f]{2})+$/.test(text) ? Uint8Array.fromHex(text) : undefined),
  ascii: text => (/^[!-~]+$/.test(text) ? Uint8Array.from(text, character => character.charCodeAt(0)) : undefined),
}

/** RFC 4648 section 6, in either case, with or without groups and padding. */
function decodeBase32(text: string): Uint8Array<ArrayBuffer> | undefined {
  const characters = text.replace(/[\s-]/g, '').replace(/=+$/, '').toUpperCase()
  // No byte sequence encodes to such a length.
  if (!/^[A-Z2-7]+$/.test(characters) || [1, 3, 6].includes(characters.length % 8)) return undefined
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const digit of characters) {
    value = (value << 5) | BASE32.indexOf(digit)
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push(value >> bits)
    value &= (1 << bits) - 1
  }
  return Uint8Array.from(bytes)
}
