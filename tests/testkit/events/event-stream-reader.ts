/** An event as a client parses it (WHATWG HTML section 9.2.6). */
export interface StreamEvent {
  id: string | undefined
  event: string
  data: unknown
}

export type EventStreamReader = ReturnType<typeof readEventStream>

const TIMEOUT_MS = 10_000

/** Collects the events of a stream until it ends or the scope ends. */
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
    /** `ended` when the response ended properly, `broken` when the connection was lost. */
    closed,
    /** @throws Error on timeout, or if the stream ends before the condition holds */
    async waitUntil(condition: (events: StreamEvent[]) => boolean, timeoutMs = TIMEOUT_MS): Promise<void> {
      const limit = Promise.withResolvers<'late'>()
      const timer = setTimeout(limit.resolve, timeoutMs, 'late')
      try {
        while (!condition(events)) {
          const notified = new Promise<void>(resolve => waiters.push(resolve))
          if (!hasEnded && (await Promise.race([notified, limit.promise])) !== 'late') continue
          if (condition(events)) return
          throw new Error(
            `the stream ${hasEnded ? 'ended' : 'timed out'} before the condition held: ${JSON.stringify(events.slice(-20))}`,
          )
        }
      } finally {
        clearTimeout(timer)
      }
    },
    /** Disconnects as a client does. */
    disconnect: (): Promise<void> => reader.cancel().catch(() => undefined),
    [Symbol.asyncDispose]: (): Promise<void> => reader.cancel().catch(() => undefined),
  }
}

/** Whether a response is a stream without an end of its own. */
export function isEventStream(response: Response): boolean {
  return response.body !== null && response.headers.get('content-type') === 'text/event-stream'
}

/** Reads the first chunk of a stream and closes it. */
export async function readFirstChunk(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const chunk = await reader?.read()
  await reader?.cancel()
  return new TextDecoder().decode(chunk?.value)
}
