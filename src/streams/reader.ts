export type Reader = ReturnType<typeof createReader>

/** How much may wait for a client that does not read, beside what it began with. */
const BEHIND_BYTES = 1_000_000
/** Who reads has taken the end of its stream by then. */
const END_WITHIN_MS = 100

/** Its end was taken, what waited was given up, or the client went away. */
export type ReaderEnd = 'ended' | 'cut' | 'gone'

/**
 * One client's stream. What the client has not read yet waits here, up to a limit, and nobody waits for the client.
 * @param beginning sent at once, whatever its size
 * @param over called once, when the stream is over
 */
export function createReader(beginning: Uint8Array[], over: (how: ReaderEnd) => void) {
  const limit = beginning.reduce((sum, bytes) => sum + bytes.byteLength, BEHIND_BYTES)
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own
        for (const bytes of beginning) own.enqueue(bytes)
      },
      cancel() {
        if (take()) over('gone')
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: limit }),
  )

  return {
    body,

    /** How many bytes wait for the client. */
    waiting: (): number => (controller ? limit - (controller.desiredSize ?? limit) : 0),

    /** @returns false when the client was too far behind: its stream is cut */
    send(bytes: Uint8Array): boolean {
      controller?.enqueue(bytes)
      if ((controller?.desiredSize ?? 0) >= 0) return true
      cut()
      return false
    },

    /** @param last what the client is still told */
    end(last?: Uint8Array): void {
      const own = take()
      if (!own) return
      if (last) own.enqueue(last)
      setTimeout(() => {
        // A stream that is closed with something in it lasts until that is read.
        if (own.desiredSize !== limit) return breakOff(own)
        own.close()
        over('ended')
      }, END_WITHIN_MS).unref()
    },

    cut,
  }

  /** What waits is forgotten, and the connection breaks. */
  function cut(): void {
    const own = take()
    if (own) breakOff(own)
  }

  function breakOff(own: ReadableStreamDefaultController<Uint8Array>): void {
    // Without a reason, which Bun would print.
    own.error()
    over('cut')
  }

  /** Nothing is sent from then on. */
  function take(): ReadableStreamDefaultController<Uint8Array> | undefined {
    const own = controller
    controller = undefined
    return own
  }
}
