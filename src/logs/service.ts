import type { AuthService } from '../auth/service.ts'
import type { DropletEngine, Execution, Printed } from '../droplets/engine.ts'
import type { DropletService } from '../droplets/service.ts'
import { ApiError } from '../errors.ts'
import type { Places } from '../exec/places.ts'
import type { LogWish } from './model.ts'

const LOOK_EVERY_MS = 250
/** Says that there is a journal, before any of it: following a quiet one would say nothing for long. */
const BEGINNING = '\n'
const MISSING = 127

/** Who reads, and is told when it is over. */
export interface LogReader {
  userId: string
  sessionId: string
  over: () => void
}

export type LogService = ReturnType<typeof createLogService>

/** What droplets say: their journal, and what their init prints. */
export function createLogService(deps: {
  engine: Pick<DropletEngine, 'execute' | 'console'>
  droplets: Pick<DropletService, 'find' | 'findRunning'>
  auth: Pick<AuthService, 'holderOf'>
  places: Places
}) {
  const { engine, droplets, auth, places } = deps
  /** What is being read, and by which session. */
  const followed = new Map<AbortController, string>()
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()

  return {
    /**
     * @returns the bytes as they come. With `follow` until the session ends, the droplet stops, or nobody reads any more.
     * @throws ApiError 900, 918, 938, 939 for a droplet without a journal
     */
    async read(name: string, wish: LogWish, reader: LogReader): Promise<ReadableStream<Uint8Array>> {
      let place: Disposable | undefined
      const end = new AbortController()
      const over = () => {
        place?.[Symbol.dispose]()
        followed.delete(end)
        end.abort()
        reader.over()
      }
      try {
        place = places.take(reader.userId)
        const read = wish.source === 'console' ? consoleOf : journalOf
        const output = await read(name, wish, end.signal)
        followed.set(end, reader.sessionId)
        return toStream(output, over, end.signal)
      } catch (error) {
        over()
        throw error
      }
    },

    /** Ends what is read for a session that is over. It is called again and again. */
    look,

    close(): void {
      clearInterval(timer)
      for (const end of followed.keys()) end.abort()
    },
  }

  function look(): void {
    for (const [end, sessionId] of followed) if (!isLive(sessionId)) end.abort()
  }

  function isLive(sessionId: string): boolean {
    try {
      return auth.holderOf(sessionId) !== undefined
    } catch {
      return false
    }
  }

  async function consoleOf(name: string, wish: LogWish, signal: AbortSignal): Promise<AsyncIterator<Printed>> {
    const { id } = await droplets.find(name)
    return (await engine.console(id, wish, signal))[Symbol.asyncIterator]()
  }

  async function journalOf(name: string, wish: LogWish, signal: AbortSignal): Promise<AsyncIterator<Printed>> {
    const { id } = await droplets.findRunning(name)
    const execution = await engine.execute(id, { command: journalctl(wish) })
    const end = () => void execution.end().catch(() => undefined)
    signal.addEventListener('abort', end, { once: true })
    // What has ended by itself has nothing left to be ended.
    return await begun(execution, () => signal.removeEventListener('abort', end))
  }
}

/** journalctl(1); times with the date and the zone, since nobody knows those of the droplet. */
function journalctl({ lines, follow }: LogWish): string[] {
  const script = `command -v journalctl >/dev/null || exit ${MISSING}
echo
exec journalctl --quiet --no-pager --all --output=short-iso --lines="$1" \${2:+"$2"}`
  return ['sh', '-c', script, 'sh', String(lines), ...(follow ? ['--follow'] : [])]
}

/** @param over called when it has ended by itself */
async function begun(execution: Execution, over: () => void): Promise<AsyncIterator<Printed>> {
  const output = execution.output[Symbol.asyncIterator]()
  const first = await output.next()
  if (first.done) {
    over()
    // A droplet without a shell says nothing at all, one without journald has no such program.
    throw new ApiError('journalMissing')
  }
  const { bytes, stream } = first.value
  if (stream !== 'stdout' || !new TextDecoder().decode(bytes).startsWith(BEGINNING)) {
    throw new ApiError('journalMissing')
  }
  const rest = bytes.subarray(BEGINNING.length)
  return (async function* () {
    if (rest.byteLength > 0) yield { stream, bytes: rest }
    yield* { [Symbol.asyncIterator]: () => output }
    over()
  })()
}

/** Who does not read lets the droplet wait. */
function toStream(output: AsyncIterator<Printed>, over: () => void, signal: AbortSignal): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const printed = await nextOf(output, signal)
      if (printed) return controller.enqueue(printed.bytes)
      controller.close()
      over()
    },
    cancel: over,
  })
}

/** What is printed next; undefined at the end, however it comes. */
async function nextOf(output: AsyncIterator<Printed>, signal: AbortSignal): Promise<Printed | undefined> {
  // Of its own for each: a promise that all of them were raced against would hold on to all that was ever printed.
  const { promise, resolve } = Promise.withResolvers<Printed | undefined>()
  const leave = () => resolve(undefined)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  output.next().then(({ done, value }) => resolve(done ? undefined : value), leave)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
