import { ApiError } from '../../core/errors.ts'

/** Far above any expected response. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024
/** Events have some hundred bytes. The limit also bounds rescanning, since each chunk is appended to the pending line. */
const MAX_LINE_LENGTH = 1024 * 1024

/** An error response of the engine: its status and the `message` of its body. */
export class DockerApiError extends Error {
  override readonly name = 'DockerApiError'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** @throws Error for a body that is too large */
export async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let size = 0
  let text = ''
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_RESPONSE_BYTES) throw new Error(`The engine's response is larger than ${MAX_RESPONSE_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/**
 * The parsed JSON body; undefined for an empty one.
 * @throws DockerApiError for an error response with a message
 */
export function parseBody(status: number, text: string): unknown {
  if (status === 204 || status === 304) return undefined
  const body: unknown = text.trim() === '' ? undefined : JSON.parse(text)
  if (status >= 200 && status < 300) return body
  const message = (body as { message?: unknown } | undefined)?.message
  if (status < 400 || typeof message !== 'string') throw new Error(`The engine answered ${status} without a message`)
  throw new DockerApiError(status, message)
}

/**
 * Parses a stream of JSON lines.
 * @throws ApiError 918 when the stream fails or is invalid
 */
export async function* parseJsonLines(response: Response, onChunk: () => void): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body ?? []) {
      onChunk()
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_LENGTH) throw new Error('A line of the engine’s response is too long')
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
    }
    if (rest.trim() !== '') yield JSON.parse(rest)
  } catch (error) {
    throw new ApiError('engineUnavailable', { cause: error })
  }
}
