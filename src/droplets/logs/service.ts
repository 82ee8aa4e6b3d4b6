import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import { createIntervals } from '../../core/intervals.ts'
import type { DropletEngine, Execution, OutputChunk } from '../engine.ts'
import type { ConnectionSlots } from '../exec/slots.ts'
import type { DropletService } from '../service.ts'
import type { LogOptions } from './options.ts'

const SESSION_CHECK_INTERVAL_MS = 250
/** Says that there is a journal, before any of it: following a quiet one would say nothing for long. */
const READY_MARKER = '\n'
const MISSING_EXIT_CODE = 127

/** Who reads, and is told when it is over. */
export interface LogReader {
  userId: string
  sessionId: string
  onEnd: () => void
}

export type LogService = ReturnType<typeof createLogService>

/** What droplets say: their journal, and what their init prints. */
export function createLogService(deps: {
  engine: Pick<DropletEngine, 'execute' | 'console'>
  droplets: Pick<DropletService, 'find' | 'findRunning'>
  auth: Pick<AuthService, 'userOfSession'>
  slots: ConnectionSlots
}) {
  const { engine, droplets, auth, slots } = deps
  /** What is being read, and by which session. */
  const activeReads = new Map<AbortController, string>()
  const intervals = createIntervals({ run: checkSessions, everyMs: SESSION_CHECK_INTERVAL_MS })

  return {
    /** Checks the readers' sessions until `close`. */
    start: intervals.start,

    /**
     * @returns the bytes as they come. With `follow` until the session ends, the droplet stops, or nobody reads any more.
     * @throws ApiError 900, 918, 938, 939 for a droplet without a journal
     */
    async read(name: string, options: LogOptions, reader: LogReader): Promise<ReadableStream<Uint8Array>> {
      let slot: Disposable | undefined
      const controller = new AbortController()
      const cleanUp = () => {
        slot?.[Symbol.dispose]()
        activeReads.delete(controller)
        controller.abort()
        reader.onEnd()
      }
      try {
        slot = slots.acquire(reader.userId)
        const openSource = options.source === 'console' ? openConsole : openJournal
        const output = await openSource(name, options, controller.signal)
        activeReads.set(controller, reader.sessionId)
        return toStream(output, cleanUp, controller.signal)
      } catch (error) {
        cleanUp()
        throw error
      }
    },

    /** Ends what is read for a session that is over. It is called again and again. */
    checkSessions,

    close(): void {
      intervals.stop()
      for (const controller of activeReads.keys()) controller.abort()
    },
  }

  function checkSessions(): void {
    for (const [controller, sessionId] of activeReads) if (!isSessionActive(sessionId)) controller.abort()
  }

  function isSessionActive(sessionId: string): boolean {
    try {
      return auth.userOfSession(sessionId) !== undefined
    } catch {
      return false
    }
  }

  async function openConsole(
    name: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterator<OutputChunk>> {
    const { id } = await droplets.find(name)
    return (await engine.console(id, options, signal))[Symbol.asyncIterator]()
  }

  async function openJournal(
    name: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterator<OutputChunk>> {
    const { id } = await droplets.findRunning(name)
    const journal = await engine.execute(id, { command: journalctlCommand(options) })
    const kill = () => void journal.kill().catch(() => undefined)
    signal.addEventListener('abort', kill, { once: true })
    // What has ended by itself has nothing left to be ended.
    return await awaitJournal(journal, () => signal.removeEventListener('abort', kill))
  }
}

/** journalctl(1); times with the date and the zone, since nobody knows those of the droplet. */
function journalctlCommand({ lines, follow }: LogOptions): string[] {
  const script = `command -v journalctl >/dev/null || exit ${MISSING_EXIT_CODE}
echo
exec journalctl --quiet --no-pager --all --output=short-iso --lines="$1" \${2:+"$2"}`
  return ['sh', '-c', script, 'sh', String(lines), ...(follow ? ['--follow'] : [])]
}

/** @param onEnd called when it has ended by itself */
async function awaitJournal(execution: Execution, onEnd: () => void): Promise<AsyncIterator<OutputChunk>> {
  const output = execution.output[Symbol.asyncIterator]()
  const first = await output.next()
  if (first.done) {
    onEnd()
    // A droplet without a shell says nothing at all, one without journald has no such program.
    throw new ApiError('journalMissing')
  }
  const { bytes, stream } = first.value
  if (stream !== 'stdout' || !new TextDecoder().decode(bytes).startsWith(READY_MARKER)) {
    throw new ApiError('journalMissing')
  }
  const rest = bytes.subarray(READY_MARKER.length)
  return (async function* () {
    if (rest.byteLength > 0) yield { stream, bytes: rest }
    yield* { [Symbol.asyncIterator]: () => output }
    onEnd()
  })()
}

/** Who does not read lets the droplet wait. */
function toStream(
  output: AsyncIterator<OutputChunk>,
  onEnd: () => void,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await nextChunk(output, signal)
      if (chunk) return controller.enqueue(chunk.bytes)
      controller.close()
      onEnd()
    },
    cancel: onEnd,
  })
}

/** What is printed next; undefined at the end, however it comes. */
async function nextChunk(output: AsyncIterator<OutputChunk>, signal: AbortSignal): Promise<OutputChunk | undefined> {
  // Of its own for each: a promise that all of them were raced against would hold on to all that was ever printed.
  const { promise, resolve } = Promise.withResolvers<OutputChunk | undefined>()
  const onAbort = () => resolve(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  output.next().then(({ done, value }) => resolve(done ? undefined : value), onAbort)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
