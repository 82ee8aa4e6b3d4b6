import { escapeText } from '../../../src/core/log.ts'

/**
 * Decodes chunks of output for a terminal. Control characters other than line feeds and tabs are escaped, so that they
 * are shown and not executed.
 */
export function createOutputSanitizer() {
  const decoder = new TextDecoder()
  /** A CR at the end of the last chunk, held back because an LF may follow. */
  let pendingReturn = ''

  return {
    push: (bytes: Uint8Array): string => sanitize(decoder.decode(bytes, { stream: true }), false),
    /** @returns the characters that were held back */
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
