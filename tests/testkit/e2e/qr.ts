import { join } from 'node:path'
import { run } from '../../../scripts/lib/run.ts'
import { tempDir } from '../temp-dir.ts'

/** Reads a QR code from a picture with zbar. */
export async function scanPicture(picture: Uint8Array, suffix: 'png' | 'pgm'): Promise<string> {
  using dir = tempDir()
  const file = join(dir.path, `qr.${suffix}`)
  await Bun.write(file, picture)
  return (await run(['zbarimg', '--quiet', '--raw', file])).trim()
}

/** Draws the QR code in a terminal's output as a PGM picture: eight pixels per module, no margin. */
export function paintTerminal(text: string): Uint8Array {
  const rows = text.split('\n').filter(line => line.includes('\x1b[38;5;16;48;5;231m'))
  const modules = rows.flatMap(row => {
    const cells = [...Bun.stripANSI(row)]
    return [cells.map(cell => cell === '█' || cell === '▀'), cells.map(cell => cell === '█' || cell === '▄')]
  })
  const scale = 8
  const width = (modules[0]?.length ?? 0) * scale
  const pixels = modules.flatMap(row => {
    const line = row.flatMap(dark => Array<number>(scale).fill(dark ? 0 : 255))
    return Array<number[]>(scale).fill(line)
  })
  return Buffer.concat([Buffer.from(`P5 ${width} ${pixels.length} 255\n`), Buffer.from(pixels.flat())])
}
