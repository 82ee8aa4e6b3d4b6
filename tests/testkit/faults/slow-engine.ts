import { createFakeEngine } from '../docker/fake-engine.ts'

/** An engine with one droplet, whose stop blocks until it is released. */
export function createSlowEngine() {
  const stopRequested = Promise.withResolvers<void>()
  const stopReleased = Promise.withResolvers<void>()
  const engine = createFakeEngine()
  engine.addRunningDroplet('cikit22')
  engine.respondNext(/^POST \S+\/stop$/, async () => {
    stopRequested.resolve()
    await stopReleased.promise
    return undefined
  })
  return {
    socket: engine.socket,
    requested: stopRequested.promise,
    release: stopReleased.resolve,
    dropletState: () => engine.stateOf('cikit22'),
    respondNext: engine.respondNext,
    /** Blocks the next list request until it is released. */
    holdNextList() {
      const gate = { requested: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() }
      engine.respondNext(/^GET \/containers\/json/, async () => {
        gate.requested.resolve()
        await gate.released.promise
        return undefined
      })
      return { requested: gate.requested.promise, release: gate.released.resolve }
    },
    async [Symbol.asyncDispose]() {
      stopReleased.resolve()
      await engine[Symbol.asyncDispose]()
    },
  }
}
