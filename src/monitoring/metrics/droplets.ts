import { Gauge, type Registry } from 'prom-client'
import type { DropletState, ListedDroplet } from '../../droplets/engine.ts'
import { assumedHealth } from '../../droplets/health-checker.ts'

const STATES: DropletState[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const HEALTHS = ['booting', 'ready', 'degraded', 'unknown']

export interface DropletMetricSources {
  informer: { cachedList: () => readonly ListedDroplet[] | undefined }
  events: { count: () => number }
}

/** Droplets, the engine and event streams. */
export function registerDropletMetrics(
  registers: Registry[],
  sources: DropletMetricSources & { now: () => number },
): void {
  const { informer, events, now } = sources
  new Gauge({
    name: 'cikit_api_engine_up',
    help: '1 while the engine responds, 0 after a second without a response.',
    registers,
    collect() {
      this.set(informer.cachedList() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'cikit_api_droplets',
    help: 'Droplets by state; absent while the engine is away.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset()
      const droplets = informer.cachedList()
      if (!droplets) return
      for (const state of STATES) this.set({ state }, droplets.filter(droplet => droplet.state === state).length)
    },
  })
  new Gauge({
    name: 'cikit_api_droplets_running',
    help: 'Running droplets by health: booting, ready, degraded or unknown.',
    labelNames: ['health'],
    registers,
    collect() {
      this.reset()
      const running = informer.cachedList()?.filter(({ state }) => state === 'running')
      if (!running) return
      const healths = running.map(droplet => droplet.health ?? assumedHealth(droplet, now()) ?? 'unknown')
      for (const health of HEALTHS) this.set({ health }, healths.filter(value => value === health).length)
    },
  })
  new Gauge({
    name: 'cikit_api_event_streams',
    help: 'Open event streams.',
    registers,
    collect() {
      this.set(events.count())
    },
  })
}
