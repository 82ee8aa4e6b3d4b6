import { expect, test } from 'bun:test'
import type { Droplet } from '../../src/droplets/engine.ts'
import { statusOf } from '../../src/droplets/status.ts'
import { createTestDroplet } from '../testkit/droplets/droplet.ts'

const MINUTE = 60_000
const NOW = Date.parse('2026-01-02T12:00:00Z')

const droplet = (changed: Partial<Droplet>): Droplet =>
  createTestDroplet({ name: 'cikit01', createdAt: NOW - 60 * MINUTE, startedAt: NOW - 8 * MINUTE, ...changed })

// tests/e2e/informer.test.ts compares these with `docker ps -a` of a real engine where possible.
test.each<[string, Partial<Droplet>]>([
  ['Up 8 minutes', {}],
  ['Up 8 minutes (health: starting)', { healthCheck: 'starting' }],
  ['Up 8 minutes (healthy)', { healthCheck: 'healthy' }],
  ['Up 8 minutes (unhealthy)', { healthCheck: 'unhealthy' }],
  ['Up 8 minutes (Paused)', { state: 'paused' }],
  ['Restarting (1) 3 minutes ago', { state: 'restarting', exitCode: 1, finishedAt: NOW - 3 * MINUTE }],
  ['Removal In Progress', { state: 'removing' }],
  ['Dead', { state: 'dead' }],
  ['Created', { state: 'created', startedAt: undefined }],
  ['Exited (137) 3 minutes ago', { state: 'exited', exitCode: 137, finishedAt: NOW - 3 * MINUTE }],
  ['', { state: 'exited' }],
  // An engine that does not report the time.
  ['Up Less than a second', { startedAt: undefined }],
  // The engine’s clock is ahead of ours.
  ['Up Less than a second', { startedAt: NOW + MINUTE }],
])('%p', (status, changed) => {
  expect(statusOf(droplet(changed), NOW)).toBe(status)
})
