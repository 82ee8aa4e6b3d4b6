import { ClientError } from '../../core/errors.ts'

export interface ServerEvent {
  /** The last id sent on the stream, for the `Last-Event-ID` header; empty before the first. */
  id: string
  event: string
  data: string
}

/** Longer events are rejected. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024

/**
 * Parses a stream of server-sent events (WHATWG HTML section 9.2.6), cut into chunks at any byte.
 * @param onRetry receives the reconnect delay that the server asks for, in milliseconds
 */
export function createEventParser(onRetry: (ms: number) => void = () => undefined) {
  const decoder = new TextDecoder()
  let remainder = ''
  let size = 0
  /** The last chunk ended with a CR; an LF at the start of the next one belongs to it. */
  let endsWithCr = false
  let idBuffer = ''
  let lastEventId = ''
  let event = ''
  let data: string[] = []

  return {
    /**
     * @returns the events that this chunk completes
     * @throws ClientError if an event is too long
     */
    push(chunk: Uint8Array): ServerEvent[] {
      const decoded = decoder.decode(chunk, { stream: true })
      if (decoded === '') return []
      const text = endsWithCr && decoded.startsWith('\n') ? decoded.slice(1) : decoded
      endsWithCr = decoded.endsWith('\r')
      const lines = (remainder + text).split(/\r\n|\n|\r/)
      remainder = lines.pop() ?? ''
      size += text.length
      const events = lines.flatMap(processLine)
      if (size > MAX_EVENT_LENGTH) throw new ClientError('refused', 'The server sent an event that is too long')
      return events
    },

    /** The last id received; empty before the first. */
    lastEventId: (): string => lastEventId,
  }

  function processLine(line: string): ServerEvent[] {
    if (line === '') return dispatch()
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
    if (field === 'id' && !value.includes('\0')) idBuffer = value
    if (field === 'retry' && /^\d+$/.test(value)) onRetry(Number(value))
    return []
  }

  function dispatch(): ServerEvent[] {
    lastEventId = idBuffer
    const completed = { id: lastEventId, event: event || 'message', data: data.join('\n') }
    const isEmpty = data.length === 0
    event = ''
    data = []
    size = remainder.length
    return isEmpty ? [] : [completed]
  }
}
