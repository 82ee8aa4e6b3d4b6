export type SubscriberStream = ReturnType<typeof createSubscriberStream>

/** Unread data after which a stream is cut, in addition to its initial chunks. */
const MAX_BUFFERED_BYTES = 1_000_000
/** An active client has read the end of its stream by then. */
const END_TIMEOUT_MS = 100

/** The client read the end, its unread data was dropped, or it disconnected. */
export type StreamEnd = 'ended' | 'cut' | 'gone'

/**
 * One client's stream. Unread data is buffered up to a limit, so a slow client blocks nobody.
 * @param initialChunks sent at once, regardless of their size
 * @param onEnd called once
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

    /** Unread bytes. */
    bufferedBytes: (): number => (controller ? highWaterMark - (controller.desiredSize ?? highWaterMark) : 0),

    /** @returns false if the client was too far behind and the stream was cut */
    send(bytes: Uint8Array): boolean {
      controller?.enqueue(bytes)
      if ((controller?.desiredSize ?? 0) >= 0) return true
      drop()
      return false
    },

    end(lastChunk?: Uint8Array): void {
      const streamController = takeController()
      if (!streamController) return
      if (lastChunk) streamController.enqueue(lastChunk)
      setTimeout(() => {
        // A closed stream would stay open until its unread data is read.
        if (streamController.desiredSize !== highWaterMark) return failStream(streamController)
        streamController.close()
        onEnd('ended')
      }, END_TIMEOUT_MS).unref()
    },

    drop,
  }

  /** Discards unread data and breaks the connection. */
  function drop(): void {
    const streamController = takeController()
    if (streamController) failStream(streamController)
  }

  function failStream(streamController: ReadableStreamDefaultController<Uint8Array>): void {
    // Bun would print a reason.
    streamController.error()
    onEnd('cut')
  }

  /** After this, nothing more is sent. */
  function takeController(): ReadableStreamDefaultController<Uint8Array> | undefined {
    const streamController = controller
    controller = undefined
    return streamController
  }
}
