import { prepareEngines, startEngine, type TestEngine } from '../tests/_support/e2e/engines.ts'
import type { Stage } from './section.ts'

/** The engine of a run, which ends with it, and its containers with it. */
export function openStage(): Stage & AsyncDisposable {
  let started: Promise<TestEngine> | undefined
  return {
    engine() {
      started ??= prepareEngines().then(() => startEngine('host'))
      return started
    },
    async [Symbol.asyncDispose]() {
      const engine = await started
      await engine?.clear()
      await engine?.stop()
    },
  }
}
