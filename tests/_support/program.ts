import type { Execution, Printed, TerminalSize } from '../../src/droplets/engine.ts'

/** A program in a droplet that does what the test says, and notes what is done to it. */
export function createProgram() {
  const pieces: Printed[] = []
  const typed: string[] = []
  const sizes: TerminalSize[] = []
  const told = { taken: 0, ends: 0 }
  let wake = Promise.withResolvers<void>()
  let failure: Error | undefined
  let isOver = false
  let code: number | undefined

  async function* output(): AsyncGenerator<Printed> {
    for (;;) {
      const piece = pieces.shift()
      if (piece) {
        told.taken += 1
        yield piece
      } else if (failure) throw failure
      else if (isOver) return
      else {
        await wake.promise
        wake = Promise.withResolvers()
      }
    }
  }

  function finish(): void {
    isOver = true
    wake.resolve()
  }

  const execution: Execution = {
    output: output(),
    write: bytes => {
      typed.push(new TextDecoder().decode(bytes))
      return true
    },
    resize: async size => void sizes.push(size),
    end: async () => {
      told.ends += 1
      finish()
    },
    exitCode: async () => code,
  }

  return {
    execution,
    typed,
    sizes,
    /** How many pieces were read of what it printed, and how often it was ended. */
    told,
    print(text: string | Uint8Array, stream: Printed['stream'] = 'stdout'): void {
      pieces.push({ stream, bytes: typeof text === 'string' ? new TextEncoder().encode(text) : text })
      wake.resolve()
    },
    /** Ends by itself. */
    exit(exitCode: number | undefined): void {
      code = exitCode
      finish()
    },
    /** Its engine goes away. */
    breakOff(error: Error): void {
      failure = error
      wake.resolve()
    },
  }
}
