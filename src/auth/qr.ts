import { create, toDataURL } from 'qrcode'

/** ISO/IEC 18004 section 9.1: scanners need a margin of four white modules. */
const QUIET_ZONE = 4

/** Renders a QR code as the `data:` URL of a PNG. */
export function qrDataUrl(text: string): Promise<string> {
  return toDataURL(text, { errorCorrectionLevel: 'M', margin: QUIET_ZONE, scale: 6 })
}

/**
 * Renders a QR code for a terminal, two modules per character. Uses black and white from the fixed 256-colour cube,
 * because terminal themes redefine the first sixteen colours and could make the code unreadable.
 */
export function qrForTerminal(text: string): string {
  const { modules } = create(text, { errorCorrectionLevel: 'L' })
  const isDark = (row: number, column: number) =>
    row >= 0 && column >= 0 && row < modules.size && column < modules.size && Boolean(modules.get(row, column))
  const lines: string[] = []
  for (let row = -QUIET_ZONE; row < modules.size + QUIET_ZONE; row += 2) {
    let line = ''
    for (let column = -QUIET_ZONE; column < modules.size + QUIET_ZONE; column++) {
      line += halfBlock(isDark(row, column), isDark(row + 1, column))
    }
    lines.push(`\x1b[38;5;16;48;5;231m${line}\x1b[0m\n`)
  }
  return lines.join('')
}

function halfBlock(top: boolean, bottom: boolean): string {
  if (top) return bottom ? '█' : '▀'
  return bottom ? '▄' : ' '
}
