import { createEventParser } from '../../../events/parser.ts'
import { open } from './api.ts'
import { Refusal } from './http.ts'

/** The server gives a sign of life every 15 seconds. */
const SILENCE_MS = 45_000
const SHORTEST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000

export interface Following {
  /** @param data as JSON had it */
  event: (name: string, data: unknown) => void
  /** Called when the stream is there, and when it was lost. */
  state: (state: 'live' | 'lost') => void
  signal: AbortSignal
}

/** Follows a stream of server-sent events until `signal` ends it: one that is lost is opened again, where it ended. */
export async function follow(path: string, { event, state, signal }: Following): Promise<void> {
  let lastEventId = ''
  let pause = SHORTEST_PAUSE_MS
  while (!signal.aborted) {
    const begun = Date.now()
    try {
      await readOnce()
    } catch (error) {
      if (signal.aborted) return
      state('lost')
      // There is no session any more, or no right: whoever sees to these begins anew.
      if (error instanceof Refusal && (error.status === 401 || error.status === 403)) return
    }
    if (Date.now() - begun > LONGEST_PAUSE_MS) pause = SHORTEST_PAUSE_MS
    // Not all tabs at the same moment.
    await pauseFor(pause * (0.75 + Math.random() / 2), signal)
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
  }

  async function readOnce(): Promise<void> {
    const connection = new AbortController()
    const ends = AbortSignal.any([signal, connection.signal])
    let silence = setTimeout(() => connection.abort(), SILENCE_MS)
    try {
      const headers: Record<string, string> = lastEventId === '' ? {} : { 'last-event-id': lastEventId }
      const { body } = await open(path, { headers, signal: ends })
      const parser = createEventParser()
      const reader = body?.getReader()
      state('live')
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true }
        if (done || !value) throw new Error('The stream has ended')
        clearTimeout(silence)
        silence = setTimeout(() => connection.abort(), SILENCE_MS)
        for (const { event: name, data } of parser.push(value)) event(name, JSON.parse(data))
        lastEventId = parser.lastEventId() || lastEventId
        pause = SHORTEST_PAUSE_MS
      }
    } finally {
      clearTimeout(silence)
      connection.abort()
    }
  }
}

/** Shorter when the browser says that the network is back, or the person comes back to the tab. */
function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const over = new AbortController()
    const done = () => {
      clearTimeout(timer)
      over.abort()
      resolve()
    }
    const timer = setTimeout(done, ms)
    addEventListener('online', done, { signal: over.signal })
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && done(), {
      signal: over.signal,
    })
    signal.addEventListener('abort', done, { signal: over.signal })
  })
}
