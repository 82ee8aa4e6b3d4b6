/** One event as a client gets it (WHATWG HTML section 9.2.6). */
export interface SentEvent {
  id: string | undefined
  event: string
  data: unknown
}

export type Followed = ReturnType<typeof followEvents>

const LIMIT_MS = 10_000

/** The events of a stream as they come, until it is over or the scope ends. */
export function followEvents(response: Response) {
  const events: SentEvent[] = []
  const heard = { comments: 0, retry: '' }
  const waiting: (() => void)[] = []
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader()
  let isOver = false
  const over = read().then(
    () => 'ended' as const,
    () => 'broken' as const,
  )
  over.then(() => {
    isOver = true
    wake()
  })

  async function read(): Promise<void> {
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (rest + value).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) take(block)
      wake()
    }
  }

  function take(block: string): void {
    const fields = new Map(block.split('\n').map(line => [line.split(': ', 1)[0] ?? '', line.replace(/^[^:]*: /, '')]))
    if (block === ':') heard.comments += 1
    else if (fields.has('retry')) heard.retry = fields.get('retry') ?? ''
    else {
      const data: unknown = JSON.parse(fields.get('data') ?? 'null')
      events.push({ id: fields.get('id'), event: fields.get('event') ?? 'message', data })
    }
  }

  function wake(): void {
    for (const resolve of waiting.splice(0)) resolve()
  }

  return {
    response,
    events,
    heard,
    /** How it came to its end: as an answer ends, or with the connection. */
    over,
    /** Waits until it is so; fails when it takes too long, or the stream is over before. */
    async until(holds: (events: SentEvent[]) => boolean, limitMs = LIMIT_MS): Promise<void> {
      const limit = Promise.withResolvers<'late'>()
      const timer = setTimeout(limit.resolve, limitMs, 'late')
      try {
        while (!holds(events)) {
          const woken = new Promise<void>(resolve => waiting.push(resolve))
          if (!isOver && (await Promise.race([woken, limit.promise])) !== 'late') continue
          if (holds(events)) return
          throw new Error(`not so${isOver ? ' until its end' : ' in time'}: ${JSON.stringify(events.slice(-20))}`)
        }
      } finally {
        clearTimeout(timer)
      }
    },
    /** Goes away, as a client does. */
    hangUp: (): Promise<void> => reader.cancel().catch(() => undefined),
    [Symbol.asyncDispose]: (): Promise<void> => reader.cancel().catch(() => undefined),
  }
}

/** Whether an answer never ends by itself. */
export function isStream(response: Response): boolean {
  return response.body !== null && response.headers.get('content-type') === 'text/event-stream'
}

/** What a stream begins with; then the connection is given up. */
export async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const chunk = await reader?.read()
  await reader?.cancel()
  return new TextDecoder().decode(chunk?.value)
}
