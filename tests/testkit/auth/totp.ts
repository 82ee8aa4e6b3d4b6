import { createHmac } from 'node:crypto'

/**
 * Computes a TOTP code by RFC 6238 and RFC 4226 section 5.3, independently of the library under test.
 * @param secret Base32
 * @param time milliseconds since 1970
 */
export function codeAt(secret: string, time: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(time / 30_000)))
  const mac = createHmac('sha1', decodeBase32(secret)).update(counter).digest()
  const offset = mac.readUInt8(19) & 0x0f
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000
  return String(number).padStart(6, '0')
}

/** Base32 without padding (RFC 4648 section 6) to bytes. */
export function decodeBase32(text: string): Buffer {
  const bits = [...text].map(character =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(character).toString(2).padStart(5, '0'),
  )
  const bytes = bits.join('').match(/.{8}/g) ?? []
  return Buffer.from(bytes.map(byte => Number.parseInt(byte, 2)))
}
