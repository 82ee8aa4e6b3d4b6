const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const BASE64_URL = BASE64.replace('+/', '-_')

/** The encodings in which bytes may leak, by name. */
export function encodingsOf(bytes: Buffer): [form: string, needle: Buffer][] {
  const hex = bytes.toString('hex')
  const percent = hex.replace(/../g, '%$&')
  const texts: [string, string][] = [
    ['hex', hex],
    ['hex, upper case', hex.toUpperCase()],
    ['percent-encoded', percent],
    ['percent-encoded, upper case', percent.toUpperCase()],
    ...alignedEncodings('base64', bytes, BASE64),
    ...alignedEncodings('base64url', bytes, BASE64_URL),
    ...alignedEncodings('base32', bytes, BASE32),
  ]
  return [['raw', bytes], ...texts.map(([form, text]): [string, Buffer] => [form, Buffer.from(text)])]
}

/**
 * The encodings of bytes at every bit offset, since text in front of them shifts the alignment. Excludes the characters
 * at both ends that share bits with their neighbours.
 */
function alignedEncodings(name: string, bytes: Buffer, alphabet: string): [form: string, text: string][] {
  const bitsPerCharacter = Math.log2(alphabet.length)
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  const variants = new Set<string>()
  for (let skippedBits = 0; skippedBits < bitsPerCharacter; skippedBits++) {
    const characterCount = Math.floor((bits.length - skippedBits) / bitsPerCharacter)
    const characters = Array.from({ length: characterCount }, (_, index) => {
      const start = skippedBits + index * bitsPerCharacter
      return alphabet[Number.parseInt(bits.slice(start, start + bitsPerCharacter), 2)]
    })
    variants.add(characters.join(''))
  }
  return [...variants].map(variant => [name, variant])
}
