import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createEventParser } from '../../src/events/parser.ts'
import { anyText, holds } from '../_support/properties.ts'

const line = (text: string) => text.replace(/[\r\n]/g, '')
const event = fc.record({
  id: anyText.map(text => line(text).replaceAll('\0', '')),
  event: anyText.map(line).filter(name => name !== ''),
  data: fc.array(anyText.map(line), { minLength: 1, maxLength: 3 }),
  comment: anyText.map(line),
  end: fc.constantFrom('\n', '\r', '\r\n'),
})

test('a stream is understood alike however it is cut, with any texts and any ends of lines', async () => {
  const cases = fc.record({ events: fc.array(event, { maxLength: 5 }), cuts: fc.array(fc.nat(), { maxLength: 20 }) })
  await holds('event streams: cuts', cases, ({ events, cuts }) => {
    const text = events.map(({ id, event, data, comment, end }) =>
      [`id: ${id}`, `:${comment}`, `event: ${event}`, ...data.map(part => `data: ${part}`), '', ''].join(end),
    )
    const stream = new TextEncoder().encode(text.join(''))
    const places = [0, ...cuts.map(cut => cut % (stream.length + 1)), stream.length].toSorted((a, b) => a - b)
    const parser = createEventParser()
    const parsed = places.flatMap((from, at) => parser.push(stream.subarray(from, places[at + 1] ?? from)))
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

test('bytes that are no stream at all are taken alike, too, however they are cut', async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 })
  await holds('event streams: anything', chunks, chunks => {
    const parser = createEventParser()
    const events = chunks.flatMap(chunk => parser.push(chunk))
    const whole = createEventParser()
    expect(whole.push(Buffer.concat(chunks))).toEqual(events)
  })
})
