import type { TestApi } from '../api/test-api.ts'
import { codeAt } from './totp.ts'

/** Moves the clock on to a step whose code the test can use, and answers that code. */
export function advanceToCode(api: TestApi, secret: string, isUsable: (code: string) => boolean): string {
  for (;;) {
    const code = codeAt(secret, api.clock.now())
    if (isUsable(code)) return code
    api.clock.advance(30_000)
  }
}
