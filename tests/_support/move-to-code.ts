import type { TestApi } from './api.ts'
import { codeAt } from './codes.ts'

/** Moves the clock on to a step whose code the test can use, and answers that code. */
export function moveToCode(api: TestApi, secret: string, fits: (code: string) => boolean): string {
  for (;;) {
    const code = codeAt(secret, api.clock.now())
    if (fits(code)) return code
    api.clock.move(30_000)
  }
}
