import type { TerminalSize } from '../engine.ts'

/** Columns or rows. */
export const MAX_TERMINAL_SIDE = 1_000

/** A client's text message, `{"resize":{"columns":80,"rows":24}}`; undefined for anything else. */
export function parseTerminalMessage(text: string): { resize: TerminalSize } | undefined {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof message !== 'object' || message === null || !('resize' in message)) return undefined
  const { resize } = message
  if (typeof resize !== 'object' || resize === null || !('columns' in resize && 'rows' in resize)) return undefined
  const { columns, rows } = resize
  return isTerminalSide(columns) && isTerminalSide(rows) ? { resize: { columns, rows } } : undefined
}

function isTerminalSide(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_TERMINAL_SIDE
}
