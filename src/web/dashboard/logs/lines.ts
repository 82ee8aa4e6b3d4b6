import { plainText } from '../parts/plain-text.ts'

/** What a page shows without becoming slow. */
export const LINES_KEPT = 5_000
/** Longer ones are no lines that anybody reads. */
const LONGEST_LINE = 4_000

/** Lines out of the bytes of a stream, whichever way these are cut. */
export function createLines() {
  const decoder = new TextDecoder()
  let lines: readonly string[] = []
  let rest = ''

  return {
    /** @returns all lines that are kept, with the one that has not ended yet */
    push(bytes: Uint8Array): readonly string[] {
      const [first = '', ...more] = decoder.decode(bytes, { stream: true }).split('\n')
      const open = rest + first
      const ended = more.length === 0 ? [] : [open, ...more.slice(0, -1)]
      rest = (more.at(-1) ?? open).slice(0, LONGEST_LINE)
      lines = [...lines, ...ended.map(toLine)].slice(-LINES_KEPT)
      return rest === '' ? lines : [...lines, toLine(rest)]
    },
  }
}

function toLine(text: string): string {
  return plainText(text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text)
}

/** Those with this text in them, whatever the case. */
export function found(lines: readonly string[], text: string): readonly string[] {
  const wanted = text.toLowerCase()
  return wanted === '' ? lines : lines.filter(line => line.toLowerCase().includes(wanted))
}
