import { createEventParser, type ServerEvent } from '../../src/events/parser.ts'
import { isUnreachable, realTiming, type Timing } from './patience.ts'
import { ConnectionLost } from './server.ts'

/** The server gives a sign of life every 15 seconds. */
const SILENCE_MS = 45_000
const USUAL_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

export interface Follow {
  /** @param lastEventId of the last event seen; undefined at the first time */
  open: (signal: AbortSignal, lastEventId: string | undefined) => Promise<Response>
  /** Awaited whenever there was a sign of life. */
  alive: () => Promise<void>
  /** Told once when the connection is lost, and once when it is there again. */
  tell: (state: 'lost' | 'back') => void
  timing?: Timing
  /** Tests have less patience. */
  silenceMs?: number
}

/**
 * The events of a server, without an end: a connection that is lost is made again, where the last one ended.
 * @throws ClientError when the server refuses, or is not there at the beginning
 */
export async function* followEvents(follow: Follow): AsyncGenerator<ServerEvent> {
  const { open, tell, timing = realTiming, silenceMs = SILENCE_MS } = follow
  let lastEventId: string | undefined
  let shortest = USUAL_PAUSE_MS
  let pause = shortest
  let state: 'first' | 'connected' | 'lost' = 'first'
  for (;;) {
    const connection = new AbortController()
    const begun = timing.now()
    try {
      const { body } = await openInTime(connection)
      if (state === 'lost') tell('back')
      state = 'connected'
      const parser = createEventParser(ms => {
        shortest = Math.min(Math.max(ms, 1), LONGEST_PAUSE_MS)
      })
      for await (const chunk of chunksOf(body, silenceMs)) {
        await follow.alive()
        yield* parser.push(chunk)
        lastEventId = parser.lastEventId() || lastEventId
      }
    } catch (error) {
      if (state === 'first' || !isUnreachable(error)) throw error
    } finally {
      connection.abort()
    }
    if (state !== 'lost') tell('lost')
    state = 'lost'
    if (timing.now() - begun > LONGEST_PAUSE_MS) pause = shortest
    // Not all clients of a server that comes back at the same time.
    await timing.sleep(pause * (0.75 + Math.random() / 4))
    pause = Math.min(Math.max(pause * 2, shortest), LONGEST_PAUSE_MS)
  }

  async function openInTime(connection: AbortController): Promise<Response> {
    const late = () => connection.abort(new DOMException('no answer in time', 'TimeoutError'))
    const timer = setTimeout(late, silenceMs)
    try {
      return await open(connection.signal, lastEventId)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @throws ConnectionLost when nothing comes for so long, or the connection breaks */
async function* chunksOf(body: ReadableStream<Uint8Array> | null, silenceMs: number): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  while (reader) {
    const silence = Promise.withResolvers<never>()
    const timer = setTimeout(() => silence.reject(new Error('silence')), silenceMs)
    try {
      const { done, value } = await Promise.race([reader.read(), silence.promise])
      if (done) return
      yield value
    } catch (cause) {
      throw new ConnectionLost('The stream of events was lost', { cause })
    } finally {
      clearTimeout(timer)
    }
  }
}
