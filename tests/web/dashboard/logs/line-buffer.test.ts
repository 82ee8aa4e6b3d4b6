import { describe, expect, test } from 'bun:test'
import { mergeRecords } from '../../../../src/web/dashboard/audit/merge-records.ts'
import { sanitizeText } from '../../../../src/web/dashboard/components/sanitize-text.ts'
import { createLineBuffer, filterLines, MAX_LINES } from '../../../../src/web/dashboard/logs/line-buffer.ts'
import { formatBytes, formatPercent, linePath } from '../../../../src/web/dashboard/stats/format.ts'

const encode = (text: string) => new TextEncoder().encode(text)

describe('what a droplet says', () => {
  test.each([
    ['\u001b[31mred\u001b[0m', '␛[31mred␛[0m'],
    ['a\u0000b\u0007c\u007f', 'a␀b␇c␡'],
    ['\u009b2J', '<U+009B>2J'],
    ['txt.\u202Eexe', 'txt.<U+202E>exe'],
    ['\u2066a\u2069', '<U+2066>a<U+2069>'],
    ['one\r', 'one'],
    ['over\rwritten', 'over␍written'],
    ['\ttab ü 字 🙂', '\ttab ü 字 🙂'],
  ])('%p is seen as %p', (text, expected) => {
    expect(sanitizeText(text)).toBe(expected)
  })

  test('is lines, whichever way its bytes are cut', () => {
    const input = encode('one ü\ntwo\n\nthree 🙂')
    for (let splitAt = 0; splitAt <= input.length; splitAt++) {
      const lines = createLineBuffer()
      lines.push(input.subarray(0, splitAt))
      expect(lines.push(input.subarray(splitAt))).toEqual(['one ü', 'two', '', 'three 🙂'])
    }
  })

  test('is kept as far as a page can show it, and a line without an end is cut', () => {
    const lines = createLineBuffer()
    lines.push(encode('line\n'.repeat(MAX_LINES + 10)))
    const output = lines.push(encode(`last\n${'x'.repeat(100_000)}`))
    expect([output.length, output.at(-2), output.at(-1)?.length]).toEqual([MAX_LINES + 1, 'last', 4_000])
  })

  test('is found whatever the case', () => {
    expect(filterLines(['An Error', 'fine', 'errors'], 'error')).toEqual(['An Error', 'errors'])
    expect(filterLines(['a', 'b'], '')).toEqual(['a', 'b'])
  })
})

describe('numbers', () => {
  test.each([
    [0, '0%'],
    [0.004, '0.4%'],
    [0.095, '9.5%'],
    [0.5, '50%'],
    [1.534, '153%'],
  ])('%p cores are %p', (cores, text) => {
    expect(formatPercent(cores)).toBe(text)
  })

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1024, '1.0 KB'],
    [48_234_496, '46 MB'],
    [1_100_000_000, '1.0 GB'],
    [5e15, '4547 TB'],
  ])('%p bytes are %p', (count, text) => {
    expect(formatBytes(count)).toBe(text)
  })

  test('a line goes from edge to edge, no higher than the picture, with a gap where nothing was measured', () => {
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
})

describe('the audit that is followed', () => {
  const record = (id: number | null) => ({ id }) as Parameters<typeof mergeRecords>[0][number]

  test('has the newest first, and what was read before once', () => {
    const previous = [null, 5, 4, 3, 2].map(record)
    expect(mergeRecords([7, 6, 5, 4].map(record), previous)).toEqual([7, 6, 5, 4, 3, 2].map(record))
  })

  test('has what is still counted up only as it is now', () => {
    expect(mergeRecords([null, 5].map(record), [null, null, 4].map(record))).toEqual([null, 5, 4].map(record))
  })
})
