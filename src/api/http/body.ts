import { ApiError } from '../../core/errors.ts'
import { timedOut, withTimeout } from '../../core/timeout.ts'

const MAX_BODY_BYTES = 16 * 1024
const MAX_JSON_DEPTH = 32
/** An HTTP/2 stream stays open as long as a byte arrives now and then. */
const BODY_TIMEOUT_MS = 10_000

export type Fields = Record<string, unknown>

/** A body that was read but not understood. It is reported to the client only after the guard has granted access. */
export class MalformedBody {
  /** @param isIncomplete whether the rest of the body may still arrive */
  constructor(
    readonly reason: string,
    readonly isIncomplete = false,
  ) {}

  toError(): ApiError {
    return new ApiError('malformed', { text: `Malformed body: ${this.reason}`, closeConnection: this.isIncomplete })
  }
}

/**
 * The fields of a JSON or form body; an empty body has none.
 * @throws ApiError 920 as soon as more than 16 KiB are announced or received
 */
export async function readFields(request: Request, timeoutMs = BODY_TIMEOUT_MS): Promise<Fields | MalformedBody> {
  const bytes = await withTimeout(readBytes(request), timeoutMs)
  if (bytes === timedOut) return new MalformedBody('it arrived too slowly', true)
  if (bytes.byteLength === 0) return {}
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new MalformedBody('it is not UTF-8')
  }
  const [type = '', ...parameters] = (request.headers.get('content-type') ?? '').toLowerCase().split(';')
  const charset = parameters.map(parameter => /^\s*charset="?([^"\s]+)"?\s*$/.exec(parameter)?.[1]).find(Boolean)
  if (charset && charset !== 'utf-8') return new MalformedBody('send it as UTF-8')
  if (type.trim() === 'application/json') return parseJson(text)
  if (type.trim() === 'application/x-www-form-urlencoded') return parseForm(text)
  return new MalformedBody('send it as application/json or application/x-www-form-urlencoded')
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const contentLength = request.headers.get('content-length')
  if (contentLength !== null) {
    // Bun has verified the length.
    if (Number(contentLength) > MAX_BODY_BYTES) throw new ApiError('bodyTooLarge')
    return await request.bytes()
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_BODY_BYTES) throw new ApiError('bodyTooLarge')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parseJson(text: string): Fields | MalformedBody {
  if (isDeeperThan(MAX_JSON_DEPTH, text)) return new MalformedBody('it is nested too deeply')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return new MalformedBody('it is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new MalformedBody('it is not a JSON object')
  }
  return { ...value }
}

function isDeeperThan(maxDepth: number, json: string): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < json.length; index++) {
    const character = json[index]
    if (inString) {
      if (character === '\\') index++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') {
      if (++depth > maxDepth) return true
    } else if (character === '}' || character === ']') depth--
  }
  return false
}

function parseForm(text: string): Fields | MalformedBody {
  const entries = [...new URLSearchParams(text)]
  const fields = Object.fromEntries(entries)
  if (Object.keys(fields).length < entries.length) return new MalformedBody('a field is given twice')
  return fields
}
