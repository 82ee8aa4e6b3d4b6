import { describe, expect, test } from 'bun:test'
import { createOutputSanitizer } from '../../../../cli/client/droplet/sanitize-output.ts'
import { toSnapshotText, toStatsText } from '../../../../cli/client/droplet/stats-text.ts'
import { expectedFailure, runCli } from '../../../testkit/cli.ts'

const encode = (text: string) => new TextEncoder().encode(text)

describe('output of a droplet on a terminal', () => {
  const raw = 'one\r\n\ttwo ü \u001b[31mred\u001b[0m\u202E\u009b2J\rthree\n'
  const sanitized = 'one\n\ttwo ü \\u001b[31mred\\u001b[0m\\u202e\\u009b2J\\rthree\n'

  test('executes no control sequence, wherever the bytes are cut', () => {
    const bytes = encode(raw)
    for (let at = 0; at <= bytes.length; at++) {
      const text = createOutputSanitizer()
      expect(text.push(bytes.subarray(0, at)) + text.push(bytes.subarray(at)) + text.end()).toBe(sanitized)
    }
  })

  test('is printed to the end, even if that is half a character', () => {
    const text = createOutputSanitizer()
    expect(text.push(Uint8Array.of(0x61, 0x0d)) + text.push(Uint8Array.of(0xc3)) + text.end()).toBe('a\\r\ufffd')
  })
})

describe('stats', () => {
  const sample = { network_in: 0, network_out: 2_000, disk_read: 5_000_000, disk_written: 0, processes: 3 }
  const sampleAt = (time: string, cpu: number, memory: number) => ({
    time,
    cpu,
    memory,
    memory_limit: 8 * 1024 ** 3,
    ...sample,
  })

  test('list one line per droplet, by name', () => {
    const droplets = {
      cikit02: { cpu: 1.5, memory: 1_572_864, memory_limit: 8 * 1024 ** 3 },
      cikit01: { cpu: 0.0042, memory: 2_147_483_648, memory_limit: 8 * 1024 ** 3 },
    }
    const lines = toSnapshotText({ time: '2026-11-24T12:00:00.000Z', droplets }).trimEnd().split('\n')
    expect(lines.map(line => line.split(/ {2,}/).map(word => word.trim()))).toEqual([
      ['NAME', 'CPU', 'MEMORY', 'LIMIT'],
      ['cikit01', '0.4%', '2.00 GiB', '8.00 GiB'],
      ['cikit02', '150.0%', '1.5 MiB', '8.00 GiB'],
    ])
  })

  test('of one droplet show the newest sample and the range', () => {
    const samples = [
      sampleAt('2026-11-24T12:00:00.000Z', 1, 1_048_576),
      sampleAt('2026-11-24T12:00:10.000Z', 0, 3_145_728),
    ]
    const text = toStatsText({ droplet: 'cikit01', interval: 10, samples })
    expect(text).toMatch(/^CIKIT01 +NOW +MINIMUM +AVERAGE +PEAK$/m)
    expect(text).toMatch(/^cpu +0\.0% +0\.0% +50\.0% +100\.0%$/m)
    expect(text).toMatch(/^memory +3\.0 MiB +1\.0 MiB +2\.0 MiB +3\.0 MiB$/m)
    expect(text).toMatch(/^network out +2\.0 KiB\/s /m)
    expect(text).toMatch(/^disk read +4\.8 MiB\/s /m)
  })

  test('of a stopped droplet are missing', () => {
    const text = toStatsText({ droplet: 'cikit01', interval: 10, samples: [] })
    expect(text).toBe('cikit01: no data for the last hour; a stopped droplet has none\n')
  })
})

test.each([
  [['exec', 'cikit01'], /put it after --/],
  [['exec', '--', 'ls'], /NAME|name/],
  [['exec', 'cikit01', '--timeout', '0', '--', 'ls'], /--timeout: give a number of seconds from 1 to 600/],
  [['exec', 'cikit01', '--timeout', '1h', '--', 'ls'], /--timeout: give/],
  [['logs', 'cikit01', '--lines', '10001'], /--lines: give a number from 0 to 10000/],
  [['logs', 'cikit01', '--lines', '-1'], /--lines/],
  [['console', 'cikit01'], /cikit-api droplet exec cikit01 -- COMMAND/],
])('droplet %p is rejected with the remedy', async (args, remedy) => {
  expect(await runCli(['droplet', ...args])).toEqual(expectedFailure(2, remedy))
})
