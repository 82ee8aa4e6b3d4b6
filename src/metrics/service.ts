import { Gauge, Registry } from 'prom-client'
import type { Certificate } from '../certificate.ts'
import type { EngineCall } from '../droplets/engine.ts'
import { measureDroplets, type WatchedDroplets } from './droplets.ts'
import { createEngineMeter } from './engine.ts'
import { measureOperations, type WatchedOperations } from './operations.ts'
import { measureProcess } from './process.ts'
import { createRequestMeter } from './requests.ts'
import type { ServedRequest } from './served-request.ts'
import { measureStore, type WatchedStore } from './store.ts'

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
  const ends: (() => void)[] = []
  let certificateEnd: Gauge | undefined
  new Gauge({
    name: 'cikit_api_build_info',
    help: 'Always 1; which version this is.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  ends.push(measureProcess(registers))
  const requests = createRequestMeter(registers)
  const engine = createEngineMeter(registers)

  return {
    /** A request to the API is over. */
    served: (request: ServedRequest): void => requests.served(request),

    /** A request to the engine is over. */
    engineCalled: (call: EngineCall): void => engine.called(call),

    /** What is looked at when it is asked for, or tells by itself. Once. */
    watch(sources: WatchedDroplets & WatchedOperations & WatchedStore): void {
      measureDroplets(registers, { ...sources, now })
      ends.push(measureOperations(registers, { ...sources, now }), measureStore(registers, sources))
    },

    /** From now on clients get this certificate. */
    certificateUsed({ validTo }: Pick<Certificate, 'validTo'>): void {
      certificateEnd ??= new Gauge({
        name: 'cikit_api_certificate_end_time_seconds',
        help: 'When the certificate in use is over, in seconds since 1970.',
        registers,
      })
      certificateEnd.set(Math.floor(validTo / 1000))
    },

    /** All of it in the text format of Prometheus, version 0.0.4. */
    tell: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),

    /** Hears of nothing any more. */
    close(): void {
      for (const end of ends) end()
    },
  }
}
