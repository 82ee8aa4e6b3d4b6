import { AsyncLocalStorage } from 'node:async_hooks'

type Level = 'info' | 'warn' | 'error'
export type Fields = Record<string, string | number | boolean | null | undefined>

export interface Log {
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

const requestScope = new AsyncLocalStorage<string>()

/** Adds the request id to all entries logged by `work`. */
export function withRequestId<T>(id: string, work: () => Promise<T>): Promise<T> {
  return requestScope.run(id, work)
}

/**
 * Writes one line per entry: JSON, or plain text for a terminal if `readable`. Control characters are escaped, so that
 * a hostile value cannot forge an entry.
 * @param write receives one line including its line feed
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
 * Describes a thrown value for the log: name, message, stack and causes. Other fields are left out, since they may
 * contain secrets.
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

/** Formats a time as ISO 8601, once per millisecond. */
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

/** Length of a TOTP secret in base32. */
const MIN_REDACTED_LENGTH = 32

/**
 * Redacts tokens and TOTP secrets that were entered as names by mistake. Long names that look like one are redacted as
 * well.
 */
export function redactTokens(text: string): string {
  if (text.length < MIN_REDACTED_LENGTH) return text
  return text.replace(/[\w%+=-]{40,}/g, '[token]').replace(/[A-Z2-7]{32}/g, '[secret]')
}

/** Escapes line breaks and terminal control characters. */
export function escapeText(text: string): string {
  return escapeControls(JSON.stringify(text)).slice(1, -1)
}

/** JSON does not escape C1 controls (U+009B starts an escape sequence), line separators and bidirectional marks. */
function escapeControls(json: string): string {
  // Most lines are ASCII, for which this check is faster than the pattern.
  if (Buffer.byteLength(json) === json.length && !json.includes('\x7f')) return json
  return json.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
