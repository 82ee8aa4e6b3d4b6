import type { Server } from 'bun'

/** Seconds after which a slow connection is closed; Bun looks every 4 s, so that the limit of 15 s is kept with this. */
export const IDLE_TIMEOUT_SECONDS = 12

/**
 * Lets a piece of work take longer than a connection may be silent. For callers that a guard has let in: whoever else
 * could hold connections open for nothing.
 * @param server null where there is none, as in tests of the app alone
 */
export async function withoutIdleTimeout<T>(
  server: Server<unknown> | null,
  request: Request,
  work: () => Promise<T>,
): Promise<T> {
  server?.timeout(request, 0)
  try {
    return await work()
  } finally {
    server?.timeout(request, IDLE_TIMEOUT_SECONDS)
  }
}
