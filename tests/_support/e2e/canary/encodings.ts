const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const BASE64_URL = BASE64.replace('+/', '-_')

/** The forms in which some bytes may lie about, by the name of the form. */
export function formsOf(bytes: Buffer): [form: string, needle: Buffer][] {
  const hex = bytes.toString('hex')
  const percent = hex.replace(/../g, '%$&')
  const texts: [string, string][] = [
    ['hex', hex],
    ['hex, upper case', hex.toUpperCase()],
    ['percent-encoded', percent],
    ['percent-encoded, upper case', percent.toUpperCase()],
    ...aligned('base64', bytes, BASE64),
    ...aligned('base64url', bytes, BASE64_URL),
    ...aligned('base32', bytes, BASE32),
  ]
  return [['as it is', bytes], ...texts.map(([form, text]): [string, Buffer] => [form, Buffer.from(text)])]
}

/**
 * What is encoded together with something before it looks different by where it begins: each of those looks, without
 * the characters at both ends that hold bits of the neighbours.
 */
function aligned(name: string, bytes: Buffer, alphabet: string): [form: string, text: string][] {
  const bitsPerCharacter = Math.log2(alphabet.length)
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  const looks = new Set<string>()
  for (let skipped = 0; skipped < bitsPerCharacter; skipped++) {
    const whole = Math.floor((bits.length - skipped) / bitsPerCharacter)
    const characters = Array.from({ length: whole }, (_, at) => {
      const from = skipped + at * bitsPerCharacter
      return alphabet[Number.parseInt(bits.slice(from, from + bitsPerCharacter), 2)]
    })
    looks.add(characters.join(''))
  }
  return [...looks].map(look => [name, look])
}
