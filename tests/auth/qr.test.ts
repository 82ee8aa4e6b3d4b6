import { expect, test } from 'bun:test'
import { qrDataUrl, qrForTerminal } from '../../src/auth/qr.ts'

const url = 'otpauth://totp/CIKit:matrix?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

test('renders the QR code as the data: URL of a PNG, the same for the same text', async () => {
  const address = await qrDataUrl(url)
  const png = Buffer.from(address.replace('data:image/png;base64,', ''), 'base64')
  expect(address).toStartWith('data:image/png;base64,')
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
  expect(await qrDataUrl(url)).toBe(address)
  expect(await qrDataUrl(`${url}A`)).not.toBe(address)
})

const COLOURS = '\x1b[38;5;16;48;5;231m'
const RESET = '\x1b[0m'

test('prints every line black on white and resets the colours', () => {
  const text = qrForTerminal(url)
  expect(text).toEndWith('\n')
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toStartWith(COLOURS)
    expect(line).toEndWith(RESET)
  }
})

test('prints a square symbol with a margin of four modules', () => {
  const lines = qrForTerminal(url).trimEnd().split('\n')
  const rows = lines.map(line => line.replace(COLOURS, '').replace(RESET, ''))
  // One character holds two modules, one above the other.
  const size = rows.length * 2
  for (const line of rows) expect(line).toMatch(/^ {4}[ █▀▄]+ {4}$/)
  expect(new Set(rows.map(line => line.length))).toEqual(new Set([size - 1]))
  for (const line of [...rows.slice(0, 2), ...rows.slice(-2)]) expect(line.trim()).toBe('')
})
