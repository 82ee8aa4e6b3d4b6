/** One event as a client gets it (WHATWG HTML section 9.2.6). */
export interface StreamEvent {
  id: string | undefined
  event: string
  data: unknown
}

export type EventStreamReader = ReturnType<typeof readEventStream>

const TIMEOUT_MS = 10_000

/** The events of a stream as they come, until it is over or the scope ends. */
export function readEventStream(response: Response) {
  const events: StreamEvent[] = []
  const received = { comments: 0, retry: '' }
  const waiters: (() => void)[] = []
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader()
  let hasEnded = false
  const closed = read().then(
    () => 'ended' as const,
    () => 'broken' as const,
  )
  closed.then(() => {
    hasEnded = true
    notify()
  })

  async function read(): Promise<void> {
    let remaining = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (remaining + value).split('\n\n')
      remaining = blocks.pop() ?? ''
      for (const block of blocks) parseBlock(block)
      notify()
    }
  }

  function parseBlock(block: string): void {
    const fields = new Map(block.split('\n').map(line => [line.split(': ', 1)[0] ?? '', line.replace(/^[^:]*: /, '')]))
    if (block === ':') received.comments += 1
    else if (fields.has('retry')) received.retry = fields.get('retry') ?? ''
    else {
      const data: unknown = JSON.parse(fields.get('data') ?? 'null')
      events.push({ id: fields.get('id'), event: fields.get('event') ?? 'message', data })
    }
  }

  function notify(): void {
    for (const resolve of waiters.splice(0)) resolve()
  }

  return {
    response,
    events,
    received,
    /** How it came to its end: as an answer ends, or with the connection. */
    closed,
    /** Waits until it is so; fails when it takes too long, or the stream is over before. */
    async waitUntil(condition: (events: StreamEvent[]) => boolean, limitMs = TIMEOUT_MS): Promise<void> {
      const limit = Promise.withResolvers<'late'>()
      const timer = setTimeout(limit.resolve, limitMs, 'late')
      try {
        while (!condition(events)) {
          const notified = new Promise<void>(resolve => waiters.push(resolve))
          if (!hasEnded && (await Promise.race([notified, limit.promise])) !== 'late') continue
          if (condition(events)) return
          throw new Error(`not so${hasEnded ? ' until its end' : ' in time'}: ${JSON.stringify(events.slice(-20))}`)
        }
      } finally {
        clearTimeout(timer)
      }
    },
    /** Goes away, as a client does. */
    disconnect: (): Promise<void> => reader.cancel().catch(() => undefined),
    [Symbol.asyncDispose]: (): Promise<void> => reader.cancel().catch(() => undefined),
  }
}

/** Whether an answer never ends by itself. */
export function isEventStream(response: Response): boolean {
  return response.body !== null && response.headers.get('content-type') === 'text/event-stream'
}

/** What a stream begins with; then the connection is given up. */
export async function readFirstChunk(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const chunk = await reader?.read()
  await reader?.cancel()
  return new TextDecoder().decode(chunk?.value)
}
