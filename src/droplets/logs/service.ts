import type { AuthService } from '../../auth/service.ts'
import { ApiError } from '../../core/errors.ts'
import { createIntervals } from '../../core/intervals.ts'
import type { DropletEngine, Execution, OutputChunk } from '../engine.ts'
import type { ConnectionSlots } from '../exec/slots.ts'
import type { DropletService } from '../service.ts'
import type { LogOptions } from './options.ts'

const SESSION_CHECK_INTERVAL_MS = 250
/** Printed before the journal, so that a quiet journal can be distinguished from a missing one. */
const READY_MARKER = '\n'
const MISSING_EXIT_CODE = 127

/** The client that reads a log. */
interface LogReader {
  userId: string
  sessionId: string
  onEnd: () => void
}

export type LogService = ReturnType<typeof createLogService>

/** Logs of droplets: the journal, and the console output of their init. */
export function createLogService(deps: {
  engine: Pick<DropletEngine, 'execute' | 'console'>
  droplets: Pick<DropletService, 'find' | 'findRunning'>
  auth: Pick<AuthService, 'userOfSession'>
  slots: ConnectionSlots
}) {
  const { engine, droplets, auth, slots } = deps
  /** The active reads and their session ids. */
  const activeReads = new Map<AbortController, string>()
  const intervals = createIntervals({ run: checkSessions, everyMs: SESSION_CHECK_INTERVAL_MS })

  return {
    /** Checks the readers' sessions until `close`. */
    start: intervals.start,

    /**
     * @returns the log's bytes; with `follow` until the session ends, the droplet stops or the client disconnects
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

    /** Ends the reads of ended sessions. Called periodically after `start`. */
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
    // A process that has exited by itself does not need to be killed.
    return await awaitJournal(journal, () => signal.removeEventListener('abort', kill))
  }
}

/** journalctl(1), with dates and time zones, because the droplet's zone is unknown. */
function journalctlCommand({ lines, follow }: LogOptions): string[] {
  const script = `command -v journalctl >/dev/null || exit ${MISSING_EXIT_CODE}
echo
exec journalctl --quiet --no-pager --all --output=short-iso --lines="$1" \${2:+"$2"}`
  return ['sh', '-c', script, 'sh', String(lines), ...(follow ? ['--follow'] : [])]
}

/** @param onEnd called when the process has exited by itself */
async function awaitJournal(execution: Execution, onEnd: () => void): Promise<AsyncIterator<OutputChunk>> {
  const output = execution.output[Symbol.asyncIterator]()
  const first = await output.next()
  if (first.done) {
    onEnd()
    // There is no output without a shell or without journalctl.
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

/** Reads on demand: an unread stream blocks the program in the droplet. */
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

/** The next chunk; undefined at the end, for any reason. */
async function nextChunk(output: AsyncIterator<OutputChunk>, signal: AbortSignal): Promise<OutputChunk | undefined> {
  // A new promise per chunk: racing every chunk against one long-lived promise would retain all of them.
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
