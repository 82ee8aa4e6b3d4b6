import type { Server } from 'bun'

/** Bun checks every 4 s, so this keeps slow connections within the limit of 15 s. */
export const IDLE_TIMEOUT_SECONDS = 12

/**
 * Lets work take longer than a connection may be idle. Only for authenticated users: anyone else could hold
 * connections open.
 * @param server null in tests of the app alone
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
