import { ClientError } from '../../core/errors.ts'

/** One event of a stream. */
export interface ServerEvent {
  /** The last id that the stream told, which is what `Last-Event-ID` asks by; empty as long as there was none. */
  id: string
  event: string
  data: string
}

/** What does not end within this is no stream of events. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024

/**
 * Reads a stream of server-sent events (WHATWG HTML section 9.2.6), however it is cut into chunks.
 * @param onRetry is told the milliseconds before the next connection that the server asks for
 */
export function createEventParser(onRetry: (ms: number) => void = () => undefined) {
  const decoder = new TextDecoder()
  let remainder = ''
  let size = 0
  /** The last chunk ended with a CR, which an LF may still belong to. */
  let endsWithCr = false
  let idBuffer = ''
  let lastEventId = ''
  let event = ''
  let data: string[] = []

  return {
    /**
     * @returns the events that this chunk completes
     * @throws ClientError for an event that does not end
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
      if (size > MAX_EVENT_LENGTH) throw new ClientError('refused', 'The server sends an event without an end')
      return events
    },

    /** Of what came until now; empty as long as there was none. */
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
