import { AsyncLocalStorage } from 'node:async_hooks'

export type Level = 'info' | 'warn' | 'error'
export type Fields = Record<string, string | number | boolean | null | undefined>

export interface Log {
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

const requestScope = new AsyncLocalStorage<string>()

/** What is logged by this work, and by all that it waits for, carries the id of the request that asked for it. */
export function withRequestId<T>(id: string, work: () => Promise<T>): Promise<T> {
  return requestScope.run(id, work)
}

/**
 * A log that writes one line an entry: JSON for machines, or, when `readable`, a line for a person at a terminal.
 * Control characters never reach the line (JSON escapes them; the readable form quotes what holds any), so that
 * a hostile value cannot forge an entry.
 * @param write takes one line with its line feed
 */
export function createLog(options: { write: (line: string) => void; readable: boolean; now: () => number }): Log {
  const format = options.readable ? readableLine : jsonLine
  const formatTime = createTimestampFormatter()
  const logAt =
    (level: Level) =>
    (message: string, fields: Fields = {}) => {
      const time = formatTime(options.now())
      options.write(`${format(time, level, message, requestScope.getStore(), fields)}\n`)
    }
  return { info: logAt('info'), warn: logAt('warn'), error: logAt('error') }
}

/**
 * What may be said of a thrown value in the log: its name, text, stack and chain of causes, in one string.
 * Never the object itself, whose own fields may hold more than was meant to be kept.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : `thrown: ${typeof error}`
  const ownText = error.stack?.includes(error.message) ? error.stack : `${error.name}: ${error.message}`
  return error.cause === undefined ? ownText : `${ownText}\ncaused by ${describeError(error.cause)}`
}

function jsonLine(time: string, level: Level, message: string, requestId: string | undefined, fields: Fields): string {
  return escapeControls(JSON.stringify({ time, level, message, requestId, ...fields }))
}

function readableLine(...[time, level, message, requestId, fields]: Parameters<typeof jsonLine>): string {
  const details = Object.entries({ requestId, ...fields })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${readableValue(value)}`)
  return [time.slice(11, 23), level.toUpperCase().padEnd(5), message, ...details].join(' ')
}

/** A time in ISO 8601: of the many lines of a busy millisecond it is worded once. */
function createTimestampFormatter() {
  let lastTime = Number.NaN
  let lastText = ''
  return (time: number): string => {
    if (time !== lastTime) lastText = new Date(time).toISOString()
    lastTime = time
    return lastText
  }
}

function readableValue(value: Fields[string]): string {
  const text = String(value)
  return /^[\w.:/@%+-]+$/.test(text) ? text : escapeControls(JSON.stringify(text))
}

/** The secret of an authenticator app. */
const MIN_REDACTED_LENGTH = 32

/**
 * What was put by mistake where a name belongs is no business of a log: tokens in any spelling, and the secrets of
 * authenticator apps. Names so long lose by it, too.
 */
export function redactTokens(text: string): string {
  if (text.length < MIN_REDACTED_LENGTH) return text
  return text.replace(/[\w%+=-]{40,}/g, '[token]').replace(/[A-Z2-7]{32}/g, '[secret]')
}

/** A text on one line, with nothing in it that a terminal would take for a command. */
export function escapeText(text: string): string {
  return escapeControls(JSON.stringify(text)).slice(1, -1)
}

/** JSON leaves the C1 controls (U+009B begins an escape sequence), line separators and bidirectional marks as they are. */
function escapeControls(json: string): string {
  // Most lines are ASCII, for which this check is faster than the pattern.
  if (Buffer.byteLength(json) === json.length && !json.includes('\x7f')) return json
  return json.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
