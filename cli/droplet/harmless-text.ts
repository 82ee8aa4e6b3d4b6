import { escapeText } from '../../src/log.ts'

/**
 * Bytes to text for a terminal, however they are cut into chunks: lines and tabs are as they are, and all else by which
 * a terminal is driven is shown and not obeyed.
 */
export function createHarmlessText() {
  const decoder = new TextDecoder()
  /** The last chunk ended with a CR, which an LF may still belong to. */
  let held = ''

  return {
    push: (bytes: Uint8Array): string => take(decoder.decode(bytes, { stream: true }), false),
    /** What was held back. */
    end: (): string => take(decoder.decode(), true),
  }

  function take(decoded: string, isLast: boolean): string {
    const text = held + decoded
    held = !isLast && text.endsWith('\r') ? '\r' : ''
    const whole = held ? text.slice(0, -1) : text
    return whole.replaceAll('\r\n', '\n').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeOne)
  }
}

function escapeOne(character: string): string {
  return character === '\n' || character === '\t' ? character : escapeText(character)
}
