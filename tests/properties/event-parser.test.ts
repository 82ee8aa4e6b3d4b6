import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createEventParser } from '../../src/api/client/sse-parser.ts'
import { anyText, checkProperty } from '../testkit/properties/check-property.ts'

const toLine = (text: string) => text.replace(/[\r\n]/g, '')
const eventCases = fc.record({
  id: anyText.map(text => toLine(text).replaceAll('\0', '')),
  event: anyText.map(toLine).filter(name => name !== ''),
  data: fc.array(anyText.map(toLine), { minLength: 1, maxLength: 3 }),
  comment: anyText.map(toLine),
  end: fc.constantFrom('\n', '\r', '\r\n'),
})

test('parses a stream independently of chunking, for any text and line endings', async () => {
  const cases = fc.record({
    events: fc.array(eventCases, { maxLength: 5 }),
    cuts: fc.array(fc.nat(), { maxLength: 20 }),
  })
  await checkProperty('event streams: chunking', cases, ({ events, cuts }) => {
    const text = events.map(({ id, event, data, comment, end }) =>
      [`id: ${id}`, `:${comment}`, `event: ${event}`, ...data.map(part => `data: ${part}`), '', ''].join(end),
    )
    const stream = new TextEncoder().encode(text.join(''))
    const offsets = [0, ...cuts.map(cut => cut % (stream.length + 1)), stream.length].toSorted((a, b) => a - b)
    const parser = createEventParser()
    const parsed = offsets.flatMap((start, index) => parser.push(stream.subarray(start, offsets[index + 1] ?? start)))
    // A lone surrogate does not survive UTF-8.
    expect(parsed).toEqual(
      events.map(({ id, event, data }) => ({
        id: id.toWellFormed(),
        event: event.toWellFormed(),
        data: data.join('\n').toWellFormed(),
      })),
    )
  })
})

test('parses arbitrary bytes independently of chunking', async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 })
  await checkProperty('event streams: any bytes', chunks, chunks => {
    const parser = createEventParser()
    const events = chunks.flatMap(chunk => parser.push(chunk))
    const parserOfWhole = createEventParser()
    expect(parserOfWhole.push(Buffer.concat(chunks))).toEqual(events)
  })
})
