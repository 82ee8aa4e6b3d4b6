import type { OutputChunk } from '../../droplets/engine.ts'

// Output without a terminal is multiplexed: each frame has a header of eight bytes, the stream (1 standard output,
// 2 standard error), three zero bytes and the length as a big-endian 32-bit number (Engine API, "Attach to a container").

const HEADER_BYTES = 8
const STDOUT = 1
const STDERR = 2

interface Frame {
  stream: number
  bytes: Uint8Array
}

/** The standard output among complete or truncated bytes; anything else yields as much as can be read. */
export function parseStandardOutput(bytes: Uint8Array): string {
  const frames = createFrameDecoder()(bytes).filter(({ stream }) => stream === STDOUT)
  return Buffer.concat(frames.map(frame => frame.bytes)).toString()
}

/** Ends without an error when the connection breaks. */
export async function* demultiplexOutput(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<OutputChunk> {
  const decode = createFrameDecoder()
  for await (const chunk of untilDisconnected(chunks)) {
    for (const { stream, bytes } of decode(chunk)) yield { stream: stream === STDERR ? 'stderr' : 'stdout', bytes }
  }
}

/** Output on a terminal is not multiplexed. */
export async function* readTerminalOutput(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<OutputChunk> {
  for await (const bytes of untilDisconnected(chunks)) yield { stream: 'stdout', bytes }
}

/** @returns a function that takes the next chunk, cut anywhere, and returns the complete or partial frames in it */
function createFrameDecoder(): (chunk: Uint8Array) => Frame[] {
  let header = Buffer.alloc(0)
  let remaining = 0
  let stream = STDOUT

  return chunk => {
    const frames: Frame[] = []
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    while (rest.byteLength > 0) {
      if (remaining === 0) {
        const missing = HEADER_BYTES - header.byteLength
        header = Buffer.concat([header, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (header.byteLength < HEADER_BYTES) break
        stream = header.readUInt8(0)
        remaining = header.readUInt32BE(4)
        header = Buffer.alloc(0)
      }
      const bytes = rest.subarray(0, remaining)
      rest = rest.subarray(bytes.byteLength)
      remaining -= bytes.byteLength
      if (bytes.byteLength > 0) frames.push({ stream, bytes })
    }
    return frames
  }
}

/** A broken connection ends the output like the end of the program. */
async function* untilDisconnected(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch {}
}
