import { expect, test } from 'bun:test'
import { createEventParser } from '../../../src/api/client/sse-parser.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const parse = (...chunks: string[]) => {
  const parser = createEventParser()
  return chunks.flatMap(chunk => parser.push(bytes(chunk)))
}

test.each<[string, string, { id?: string; event?: string; data: string }[]]>([
  ['parses an event', 'id: 1\nevent: droplet\ndata: {}\n\n', [{ id: '1', event: 'droplet', data: '{}' }]],
  ['an event without a name is a message', 'data: x\n\n', [{ data: 'x' }]],
  ['joins lines of data', 'data: a\ndata\ndata: b\n\n', [{ data: 'a\n\nb' }]],
  ['keeps an empty data line', 'data\n\n', [{ data: '' }]],
  ['drops an event without data, and its name', 'event: x\n\ndata: y\n\n', [{ data: 'y' }]],
  ['ignores comments and unknown fields', ': hello\nwhat: else\ndata: x\n: bye\n\n', [{ data: 'x' }]],
  ['drops one space after the colon', 'data:x\n\ndata:  y\n\n', [{ data: 'x' }, { data: ' y' }]],
  ['keeps further colons', 'data: a: b\n\n', [{ data: 'a: b' }]],
  ['accepts CR as line end', 'id: 1\rdata: x\r\r', [{ id: '1', data: 'x' }]],
  ['accepts CRLF as one line end', 'id: 1\r\ndata: x\r\n\r\n', [{ id: '1', data: 'x' }]],
  ['does not split at Unicode line separators', 'data: a\u2028b\n\n', [{ data: 'a\u2028b' }]],
  ['drops a byte order mark', '\ufeffdata: x\n\n', [{ data: 'x' }]],
  ['drops an event without an end', 'data: x\n', []],
  [
    'an id applies to later events',
    'id: 7\ndata: x\n\ndata: y\n\n',
    [7, 7].map((id, at) => ({ id: `${id}`, data: 'xy'[at] ?? '' })),
  ],
  [
    'ignores an id with a NUL',
    'id: 7\ndata: x\n\nid: 8\0\ndata: y\n\n',
    [
      { id: '7', data: 'x' },
      { id: '7', data: 'y' },
    ],
  ],
  ['an empty id resets it', 'id: 7\ndata: x\n\nid\ndata: y\n\n', [{ id: '7', data: 'x' }, { data: 'y' }]],
])('%s', (_, text, events) => {
  expect(parse(text)).toEqual(events.map(event => ({ id: '', event: 'message', ...event })))
})

test('emits an event with its last byte, for every kind of line ending', () => {
  for (const end of ['\n', '\r', '\r\n']) {
    const parser = createEventParser()
    expect(parser.push(bytes(`data: x${end}`))).toEqual([])
    const [first = '', ...more] = end
    expect(parser.push(bytes(first))).toHaveLength(1)
    expect(parser.push(bytes(`${more.join('')}data: y${end}${end}`))).toEqual([{ id: '', event: 'message', data: 'y' }])
  }
})

test('remembers the id of an event without data', () => {
  const parser = createEventParser()
  parser.push(bytes('id: 1\ndata: x\n\nid: 2\n'))
  expect(parser.lastEventId()).toBe('1')
  parser.push(bytes('\n'))
  expect(parser.lastEventId()).toBe('2')
})

test('reports the retry time if it is a number', () => {
  const retryDelays: number[] = []
  const parser = createEventParser(ms => retryDelays.push(ms))
  parser.push(bytes('retry: 1500\nretry: soon\nretry: -1\nretry: 1e3\nretry\n'))
  expect(retryDelays).toEqual([1500])
})

test('rejects an event that is too long, but not many short ones', () => {
  const megabyte = bytes('x'.repeat(1024 * 1024))
  const endless = createEventParser()
  expect(() => {
    for (let count = 0; count < 20; count++) endless.push(megabyte)
  }).toThrow(/event that is too long/)
  const ending = createEventParser()
  for (let count = 0; count < 20; count++) {
    ending.push(bytes('data: '))
    ending.push(megabyte)
    expect(ending.push(bytes('\n\n'))).toHaveLength(1)
  }
})
