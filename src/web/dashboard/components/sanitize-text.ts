// What is seen of what a droplet says is all that it says: nothing in it colours, moves or turns round what stands beside it.

/** Control characters but for tab and line feed, and what turns the direction of text (Unicode standard annex 9). */
const INVISIBLE = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu
/** "Control Pictures" of Unicode: U+001B is shown as ␛. */
const CONTROL_PICTURES = 0x2400

/** Text as it can be shown: a carriage return at the end of a line is none of it. */
export function sanitizeText(text: string): string {
  return text.replace(/\r$/gm, '').replace(INVISIBLE, character => {
    const code = character.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(CONTROL_PICTURES + code)
    if (code === 0x7f) return '␡'
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  })
}
