import { sanitizeText } from '../components/sanitize-text.ts'

/** What a page shows without becoming slow. */
export const MAX_LINES = 5_000
/** Longer ones are no lines that anybody reads. */
const MAX_LINE_LENGTH = 4_000

/** Lines out of the bytes of a stream, whichever way these are cut. */
export function createLineBuffer() {
  const decoder = new TextDecoder()
  let lines: readonly string[] = []
  let unterminated = ''

  return {
    /** @returns all lines that are kept, with the one that has not ended yet */
    push(bytes: Uint8Array): readonly string[] {
      const [first = '', ...more] = decoder.decode(bytes, { stream: true }).split('\n')
      const currentLine = unterminated + first
      const completed = more.length === 0 ? [] : [currentLine, ...more.slice(0, -1)]
      unterminated = (more.at(-1) ?? currentLine).slice(0, MAX_LINE_LENGTH)
      lines = [...lines, ...completed.map(toDisplayLine)].slice(-MAX_LINES)
      return unterminated === '' ? lines : [...lines, toDisplayLine(unterminated)]
    },
  }
}

function toDisplayLine(text: string): string {
  return sanitizeText(text.length > MAX_LINE_LENGTH ? `${text.slice(0, MAX_LINE_LENGTH)}…` : text)
}

/** Those with this text in them, whatever the case. */
export function filterLines(lines: readonly string[], text: string): readonly string[] {
  const query = text.toLowerCase()
  return query === '' ? lines : lines.filter(line => line.toLowerCase().includes(query))
}
