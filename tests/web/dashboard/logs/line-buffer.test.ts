import { describe, expect, test } from 'bun:test'
import { createLineBuffer, filterLines, MAX_LINES } from '../../../../src/web/dashboard/logs/line-buffer.ts'

const encode = (text: string) => new TextEncoder().encode(text)

describe('output of a droplet', () => {
  test('is split into lines wherever the chunks end', () => {
    const input = encode('one ü\ntwo\n\nthree 🙂')
    for (let splitAt = 0; splitAt <= input.length; splitAt++) {
      const lines = createLineBuffer()
      lines.push(input.subarray(0, splitAt))
      expect(lines.push(input.subarray(splitAt))).toEqual(['one ü', 'two', '', 'three 🙂'])
    }
  })

  test('is limited to the latest lines, and a long line is cut', () => {
    const lines = createLineBuffer()
    lines.push(encode('line\n'.repeat(MAX_LINES + 10)))
    const output = lines.push(encode(`last\n${'x'.repeat(100_000)}`))
    expect([output.length, output.at(-2), output.at(-1)?.length]).toEqual([MAX_LINES + 1, 'last', 4_000])
  })

  test('is filtered ignoring case', () => {
    expect(filterLines(['An Error', 'fine', 'errors'], 'error')).toEqual(['An Error', 'errors'])
    expect(filterLines(['a', 'b'], '')).toEqual(['a', 'b'])
  })
})
