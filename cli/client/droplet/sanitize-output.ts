import { escapeText } from '../../../src/core/log.ts'

/**
 * Bytes to text for a terminal, however they are cut into chunks: lines and tabs are as they are, and all else by which
 * a terminal is driven is shown and not obeyed.
 */
export function createOutputSanitizer() {
  const decoder = new TextDecoder()
  /** The last chunk ended with a CR, which an LF may still belong to. */
  let pendingReturn = ''

  return {
    push: (bytes: Uint8Array): string => sanitize(decoder.decode(bytes, { stream: true }), false),
    /** What was held back. */
    end: (): string => sanitize(decoder.decode(), true),
  }

  function sanitize(decoded: string, isLast: boolean): string {
    const text = pendingReturn + decoded
    pendingReturn = !isLast && text.endsWith('\r') ? '\r' : ''
    const complete = pendingReturn ? text.slice(0, -1) : text
    return complete.replaceAll('\r\n', '\n').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeControl)
  }
}

function escapeControl(character: string): string {
  return character === '\n' || character === '\t' ? character : escapeText(character)
}
