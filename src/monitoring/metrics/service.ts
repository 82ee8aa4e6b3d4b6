import { Gauge, Registry } from 'prom-client'
import type { ServedRequest } from '../../api/http/served-request.ts'
import type { Certificate } from '../../core/certificate.ts'
import type { EngineCall } from '../../droplets/engine.ts'
import { type DropletMetricSources, registerDropletMetrics } from './droplets.ts'
import { createEngineMetrics } from './engine.ts'
import { type OperationMetricSources, registerOperationMetrics } from './operations.ts'
import { createEventLoopMetrics, registerProcessMetrics } from './process.ts'
import { createRequestMetrics } from './requests.ts'
import { registerStoreMetrics, type StoreMetricSources } from './store.ts'

export type Metrics = ReturnType<typeof createMetrics>

/**
 * Prometheus metrics of this server. No label comes from outside, such as a name or an address, so the number of series
 * is fixed by the routes, kinds and results.
 * @param now milliseconds since 1970
 */
export function createMetrics(options: { version: string; now: () => number }) {
  const { version, now } = options
  const registry = new Registry()
  const registers = [registry]
  const disposers: (() => void)[] = []
  let certificateExpiry: Gauge | undefined
  new Gauge({
    name: 'cikit_api_build_info',
    help: 'Always 1; the label is the running version.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  registerProcessMetrics(registers)
  const eventLoop = createEventLoopMetrics(registers)
  disposers.push(eventLoop.stop)
  const requests = createRequestMetrics(registers)
  const engine = createEngineMetrics(registers)

  return {
    /** Samples the event loop until `close`. */
    start: eventLoop.start,

    observeRequest: (request: ServedRequest): void => requests.observe(request),

    observeEngineCall: (call: EngineCall): void => engine.observe(call),

    /** Registers the metrics that read from services. Call once. */
    addSources(sources: DropletMetricSources & OperationMetricSources & StoreMetricSources): void {
      registerDropletMetrics(registers, { ...sources, now })
      disposers.push(registerOperationMetrics(registers, { ...sources, now }), registerStoreMetrics(registers, sources))
    },

    /** Sets the certificate in use. */
    setCertificate({ validTo }: Pick<Certificate, 'validTo'>): void {
      certificateExpiry ??= new Gauge({
        name: 'cikit_api_certificate_end_time_seconds',
        help: 'Expiry of the certificate in use, in seconds since 1970.',
        registers,
      })
      certificateExpiry.set(Math.floor(validTo / 1000))
    },

    /** Prometheus text format 0.0.4. */
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),

    close(): void {
      for (const dispose of disposers) dispose()
    },
  }
}
