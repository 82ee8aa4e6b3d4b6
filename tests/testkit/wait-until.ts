const DEFAULT_TIMEOUT_MS = 10_000

interface WaitOptions {
  /** What is awaited, for the error message: `the list to shrink`. */
  what: string
  timeoutMs?: number
}

/**
 * Polls until the check holds.
 * @throws Error naming `what` when the timeout has passed
 */
export async function waitUntil(
  check: () => boolean | Promise<boolean>,
  { what, timeoutMs = DEFAULT_TIMEOUT_MS }: WaitOptions,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`Timed out after ${timeoutMs} ms waiting for ${what}`)
    await Bun.sleep(1)
  }
}
