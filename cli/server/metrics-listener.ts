import type { Config } from '../../src/config/types.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { OperatorError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { isAddress } from '../../src/core/network.ts'
import type { Metrics } from '../../src/monitoring/metrics/service.ts'

/** A scraper sends its request at once. */
const IDLE_SECONDS = 10

export interface MetricsListener {
  /** Does not wait for open requests. */
  stop(): Promise<void>
}

/**
 * Serves `GET /metrics`, and nothing else, on a separate listener.
 * @returns undefined if metrics are not configured
 * @throws OperatorError if the address cannot be used
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
      return textResponse('Use an IP address, or add this name to --allowed-hosts\n', 421)
    if (request.method !== 'GET' || pathname !== '/metrics')
      return textResponse('Only GET /metrics is served here\n', 404)
    const { text, contentType } = await metrics.render()
    return textResponse(text, 200, contentType)
  }
  /** DNS rebinding lets a website reach this listener, but only by name. */
  const isAllowedHost = (name: string) =>
    name === 'localhost' ||
    isAddress(name.replace(/^\[|\]$/g, '')) ||
    allowedHosts.includes(name) ||
    (isExposed && allowedHosts.length === 0)
  try {
    const server = Bun.serve({ hostname, port, idleTimeout: IDLE_SECONDS, fetch: handleRequest })
    log.info('metrics listening', { address: new URL('/metrics', server.url).href })
    if (isExposed)
      log.warn('metrics use plain HTTP on an address that others can reach: restrict the port to your own network')
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
