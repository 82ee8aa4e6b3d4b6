export type SubscriberStream = ReturnType<typeof createSubscriberStream>

/** How much may wait for a client that does not read, beside what it began with. */
const MAX_BUFFERED_BYTES = 1_000_000
/** Who reads has taken the end of its stream by then. */
const END_TIMEOUT_MS = 100

/** Its end was taken, what waited was given up, or the client went away. */
export type StreamEnd = 'ended' | 'cut' | 'gone'

/**
 * One client's stream. What the client has not read yet waits here, up to a limit, and nobody waits for the client.
 * @param initialChunks sent at once, whatever its size
 * @param onEnd called once, when the stream is over
 */
export function createSubscriberStream(initialChunks: Uint8Array[], onEnd: (reason: StreamEnd) => void) {
  const highWaterMark = initialChunks.reduce((sum, bytes) => sum + bytes.byteLength, MAX_BUFFERED_BYTES)
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>(
    {
      start(streamController) {
        controller = streamController
        for (const bytes of initialChunks) streamController.enqueue(bytes)
      },
      cancel() {
        if (takeController()) onEnd('gone')
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark }),
  )

  return {
    body,

    /** How many bytes wait for the client. */
    bufferedBytes: (): number => (controller ? highWaterMark - (controller.desiredSize ?? highWaterMark) : 0),

    /** @returns false when the client was too far behind: its stream is cut */
    send(bytes: Uint8Array): boolean {
      controller?.enqueue(bytes)
      if ((controller?.desiredSize ?? 0) >= 0) return true
      drop()
      return false
    },

    /** @param lastChunk what the client is still told */
    end(lastChunk?: Uint8Array): void {
      const streamController = takeController()
      if (!streamController) return
      if (lastChunk) streamController.enqueue(lastChunk)
      setTimeout(() => {
        // A stream that is closed with something in it lasts until that is read.
        if (streamController.desiredSize !== highWaterMark) return failStream(streamController)
        streamController.close()
        onEnd('ended')
      }, END_TIMEOUT_MS).unref()
    },

    drop,
  }

  /** What waits is forgotten, and the connection breaks. */
  function drop(): void {
    const streamController = takeController()
    if (streamController) failStream(streamController)
  }

  function failStream(streamController: ReadableStreamDefaultController<Uint8Array>): void {
    // Without a reason, which Bun would print.
    streamController.error()
    onEnd('cut')
  }

  /** Nothing is sent from then on. */
  function takeController(): ReadableStreamDefaultController<Uint8Array> | undefined {
    const streamController = controller
    controller = undefined
    return streamController
  }
}
