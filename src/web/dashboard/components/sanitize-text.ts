// Output of a droplet is untrusted: it must not colour, move or reverse the text around it.

/** Control characters except tab and line feed, and bidirectional controls (Unicode standard annex 9). */
const INVISIBLE = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu
/** The Unicode block "Control Pictures", where U+001B is shown as ␛. */
const CONTROL_PICTURES = 0x2400

/** Replaces invisible characters with visible ones, and removes a carriage return at the end of a line. */
export function sanitizeText(text: string): string {
  return text.replace(/\r$/gm, '').replace(INVISIBLE, character => {
    const code = character.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(CONTROL_PICTURES + code)
    if (code === 0x7f) return '␡'
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  })
}
