import { expect, test } from 'bun:test'
import { createEventParser } from '../../../src/api/client/sse-parser.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const parse = (...chunks: string[]) => {
  const parser = createEventParser()
  return chunks.flatMap(chunk => parser.push(bytes(chunk)))
}

test.each<[string, string, { id?: string; event?: string; data: string }[]]>([
  ['one event', 'id: 1\nevent: droplet\ndata: {}\n\n', [{ id: '1', event: 'droplet', data: '{}' }]],
  ['without a name it is a message', 'data: x\n\n', [{ data: 'x' }]],
  ['lines of data are one text', 'data: a\ndata\ndata: b\n\n', [{ data: 'a\n\nb' }]],
  ['an empty line of data is data', 'data\n\n', [{ data: '' }]],
  ['without data there is no event, and its name does not stay', 'event: x\n\ndata: y\n\n', [{ data: 'y' }]],
  ['comments and what is unknown are passed over', ': hello\nwhat: else\ndata: x\n: bye\n\n', [{ data: 'x' }]],
  ['one blank after the colon is no part of it', 'data:x\n\ndata:  y\n\n', [{ data: 'x' }, { data: ' y' }]],
  ['a colon may come again', 'data: a: b\n\n', [{ data: 'a: b' }]],
  ['CR ends a line', 'id: 1\rdata: x\r\r', [{ id: '1', data: 'x' }]],
  ['CRLF ends one line', 'id: 1\r\ndata: x\r\n\r\n', [{ id: '1', data: 'x' }]],
  ['separators of Unicode end none', 'data: a\u2028b\n\n', [{ data: 'a\u2028b' }]],
  ['a byte order mark is no part of it', '\ufeffdata: x\n\n', [{ data: 'x' }]],
  ['what has no end is no event', 'data: x\n', []],
  [
    'an id stays for the next ones',
    'id: 7\ndata: x\n\ndata: y\n\n',
    [7, 7].map((id, at) => ({ id: `${id}`, data: 'xy'[at] ?? '' })),
  ],
  [
    'an id with a NUL is none',
    'id: 7\ndata: x\n\nid: 8\0\ndata: y\n\n',
    [
      { id: '7', data: 'x' },
      { id: '7', data: 'y' },
    ],
  ],
  ['an empty id takes it back', 'id: 7\ndata: x\n\nid\ndata: y\n\n', [{ id: '7', data: 'x' }, { data: 'y' }]],
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
