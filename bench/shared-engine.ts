import { startEngine, type TestEngine } from '../tests/testkit/e2e/engines.ts'
import { prepareEngines } from '../tests/testkit/e2e/prepare-engines.ts'
import type { BenchContext } from './section.ts'

/** The engine of a run. Disposal removes its containers and stops it. */
export function createBenchContext(): BenchContext & AsyncDisposable {
  let engineStarted: Promise<TestEngine> | undefined
  return {
    engine() {
      engineStarted ??= prepareEngines().then(() => startEngine('host'))
      return engineStarted
    },
    async [Symbol.asyncDispose]() {
      const engine = await engineStarted
      await engine?.removeContainers()
      await engine?.stop()
    },
  }
}
