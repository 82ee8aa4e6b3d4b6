import type { Execution, OutputChunk, TerminalSize } from '../../../src/droplets/engine.ts'

/** A program in a droplet that the test controls. Records its input and calls. */
export function createFakeProgram() {
  const pendingOutput: OutputChunk[] = []
  const inputs: string[] = []
  const sizes: TerminalSize[] = []
  const counters = { chunksRead: 0, endCalls: 0 }
  let changed = Promise.withResolvers<void>()
  let failure: Error | undefined
  let hasEnded = false
  let exitStatus: number | undefined

  async function* output(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = pendingOutput.shift()
      if (chunk) {
        counters.chunksRead += 1
        yield chunk
      } else if (failure) throw failure
      else if (hasEnded) return
      else {
        await changed.promise
        changed = Promise.withResolvers()
      }
    }
  }

  function finish(): void {
    hasEnded = true
    changed.resolve()
  }

  const execution: Execution = {
    output: output(),
    write: bytes => {
      inputs.push(new TextDecoder().decode(bytes))
      return true
    },
    resize: async size => void sizes.push(size),
    kill: async () => {
      counters.endCalls += 1
      finish()
    },
    exitCode: async () => exitStatus,
  }

  return {
    execution,
    inputs,
    sizes,
    /** Output chunks read, and calls of `kill`. */
    counters,
    print(text: string | Uint8Array, stream: OutputChunk['stream'] = 'stdout'): void {
      pendingOutput.push({ stream, bytes: typeof text === 'string' ? new TextEncoder().encode(text) : text })
      changed.resolve()
    },
    /** Exits by itself. */
    exit(exitCode: number | undefined): void {
      exitStatus = exitCode
      finish()
    },
    /** Its output fails, as when the engine goes away. */
    failWith(error: Error): void {
      failure = error
      changed.resolve()
    },
  }
}
