import { sanitizeText } from '../components/sanitize-text.ts'

/** More lines would slow the page down. */
export const MAX_LINES = 5_000
/** In characters; longer lines are cut. */
const MAX_LINE_LENGTH = 4_000

/** Splits a byte stream into lines; chunks may end anywhere, even inside a character. */
export function createLineBuffer() {
  const decoder = new TextDecoder()
  let lines: readonly string[] = []
  let unterminated = ''

  return {
    /** @returns the latest lines, including an unterminated last one */
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

/** @returns lines that contain the text, in any case */
export function filterLines(lines: readonly string[], text: string): readonly string[] {
  const query = text.toLowerCase()
  return query === '' ? lines : lines.filter(line => line.toLowerCase().includes(query))
}
