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
 * What Prometheus is told of this server. No label is a name, an address, or anything else that comes from outside: there
 * are as many series as there are routes, kinds and results.
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
    help: 'Always 1; which version this is.',
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

    /** A request to the API is over. */
    observeRequest: (request: ServedRequest): void => requests.observe(request),

    /** A request to the engine is over. */
    observeEngineCall: (call: EngineCall): void => engine.observe(call),

    /** What is looked at when it is asked for, or tells by itself. Once. */
    addSources(sources: DropletMetricSources & OperationMetricSources & StoreMetricSources): void {
      registerDropletMetrics(registers, { ...sources, now })
      disposers.push(registerOperationMetrics(registers, { ...sources, now }), registerStoreMetrics(registers, sources))
    },

    /** From now on clients get this certificate. */
    setCertificate({ validTo }: Pick<Certificate, 'validTo'>): void {
      certificateExpiry ??= new Gauge({
        name: 'cikit_api_certificate_end_time_seconds',
        help: 'When the certificate in use is over, in seconds since 1970.',
        registers,
      })
      certificateExpiry.set(Math.floor(validTo / 1000))
    },

    /** All of it in the text format of Prometheus, version 0.0.4. */
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),

    /** Hears of nothing any more. */
    close(): void {
      for (const dispose of disposers) dispose()
    },
  }
}
