import { describe, expect, test } from 'bun:test'
import { formatBytes, formatPercent, linePath } from '../../../../src/web/dashboard/stats/format.ts'

describe('number formats', () => {
  test.each([
    [0, '0%'],
    [0.004, '0.4%'],
    [0.095, '9.5%'],
    [0.5, '50%'],
    [1.534, '153%'],
  ])('formats %p cores as %p', (cores, text) => {
    expect(formatPercent(cores)).toBe(text)
  })

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1024, '1.0 KB'],
    [48_234_496, '46 MB'],
    [1_100_000_000, '1.0 GB'],
    [5e15, '4547 TB'],
  ])('formats %p bytes as %p', (count, text) => {
    expect(formatBytes(count)).toBe(text)
  })
})

test('a chart line spans the width, is clipped at the top, and is interrupted where samples are missing', () => {
  const frame = { width: 100, height: 10, from: 0, to: 100, top: 5 }
  const points = [
    [0, 0],
    [10, 5],
    [20, 50],
    [90, 2.5],
    [100, 0],
  ] as const
  expect(linePath(points, frame, 30)).toBe('M0.0 10.0L10.0 0.0L20.0 0.0M90.0 5.0L100.0 10.0')
  expect(linePath([], frame, 30)).toBe('')
})
