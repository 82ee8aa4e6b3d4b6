import type { Config } from '../../src/config/config.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { OperatorError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { isAddress } from '../../src/core/network.ts'
import type { Metrics } from '../../src/monitoring/metrics/service.ts'

/** A scraper asks and goes; who is slower than this is none. */
const IDLE_SECONDS = 10

export interface MetricsListener {
  /** Without waiting for who asks. */
  stop(): Promise<void>
}

/**
 * `GET /metrics` and nothing else, on a listener of its own.
 * @returns undefined when nobody asked for metrics
 * @throws OperatorError when the address cannot be had
 */
export function startMetricsListener({
  config,
  metrics,
  log,
}: {
  config: Config
  metrics: Metrics | undefined
  log: Log
}): MetricsListener | undefined {
  if (!config.metrics || !metrics) return undefined
  const { host: hostname, port, isExposed } = config.metrics
  const { allowedHosts } = config.listen
  const handleRequest = async (request: Request): Promise<Response> => {
    const { hostname: requestedHost, pathname } = new URL(request.url)
    if (!isAllowedHost(requestedHost))
      return textResponse('Call this by an address, or name it in --allowed-hosts\n', 421)
    if (request.method !== 'GET' || pathname !== '/metrics') return textResponse('Only GET /metrics is here\n', 404)
    const { text, contentType } = await metrics.render()
    return textResponse(text, 200, contentType)
  }
  /** A page that somebody visits may reach this by a name of its own (DNS rebinding), and only by a name. */
  const isAllowedHost = (name: string) =>
    name === 'localhost' ||
    isAddress(name.replace(/^\[|\]$/g, '')) ||
    allowedHosts.includes(name) ||
    (isExposed && allowedHosts.length === 0)
  try {
    const server = Bun.serve({ hostname, port, idleTimeout: IDLE_SECONDS, fetch: handleRequest })
    log.info('metrics listening', { address: new URL('/metrics', server.url).href })
    if (isExposed)
      log.warn('metrics are plain HTTP, on an address that others can reach: keep that port to your own network')
    return { stop: () => server.stop(true) }
  } catch (error) {
    const reason = errorMessage(error)
    throw new OperatorError(
      `Cannot listen on ${hostname}:${port} for metrics (${reason}): choose another --metrics-listen`,
    )
  }
}

function textResponse(text: string, status: number, type = 'text/plain; charset=utf-8'): Response {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  return new Response(text, { status, headers })
}
