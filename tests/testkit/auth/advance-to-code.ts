import type { TestApi } from '../api/test-api.ts'
import { codeAt } from './totp.ts'

/** At least 1 in 10 codes is suitable, so this limit is never reached in practice. */
const MAX_STEPS = 1_000

/** Advances the clock to a time step whose code is suitable, and returns the code. */
export function advanceToCode(api: TestApi, secret: string, isSuitable: (code: string) => boolean): string {
  for (let step = 0; step < MAX_STEPS; step++) {
    const code = codeAt(secret, api.clock.now())
    if (isSuitable(code)) return code
    api.clock.advance(30_000)
  }
  throw new Error(`no suitable code within ${MAX_STEPS} steps`)
}
