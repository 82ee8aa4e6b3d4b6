/** Time step of TOTP codes (RFC 6238 section 5.2). */
export const STEP_MS = 30_000

/** Waits for the next time step if less than `ms` of this one is left. */
export async function waitForStepWith(ms: number): Promise<void> {
  const remainingMs = STEP_MS - (Date.now() % STEP_MS)
  if (remainingMs < ms) await Bun.sleep(remainingMs + 50)
}
