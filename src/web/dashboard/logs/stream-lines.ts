import { request } from '../api/client.ts'
import { createLineBuffer } from './line-buffer.ts'

/** Lines that arrive within this time are rendered together. */
const RENDER_INTERVAL_MS = 100

interface LineListener {
  /** The response has started, which means that there is a first line. */
  onStart: () => void
  /** Receives all lines so far, up to the limit of the line buffer. */
  onLines: (lines: readonly string[]) => void
}

/** Resolves when the log ends; rejects when `signal` is aborted. */
export async function streamLines(
  path: string,
  signal: AbortSignal,
  { onStart, onLines }: LineListener,
): Promise<void> {
  const { body } = await request(path, { signal })
  onStart()
  const lineBuffer = createLineBuffer()
  let pendingLines: readonly string[] | undefined
  const flush = () => {
    if (pendingLines && !signal.aborted) onLines(pendingLines)
    pendingLines = undefined
  }
  const timer = setInterval(flush, RENDER_INTERVAL_MS)
  try {
    const reader = body?.getReader()
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done || !value) break
      pendingLines = lineBuffer.push(value)
    }
  } finally {
    clearInterval(timer)
    flush()
  }
}
