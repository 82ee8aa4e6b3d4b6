import { describe, expect, test } from 'bun:test'
import type { Droplet, ListedDroplet } from '../../src/droplets/engine.ts'
import { toDropletBody, toDropletList } from '../../src/droplets/to-body.ts'
import { createTestDroplet, HOST_KEY, toListed } from '../testkit/droplets/droplet.ts'

const MINUTE = 60_000
const NOW = Date.parse('2026-01-02T12:00:00Z')
const context = { now: NOW, domain: 'matrix.test' }
const ports = { '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 2207 } } }
const stopped = { state: 'exited', exitCode: 137, finishedAt: NOW - MINUTE } as const

function droplet(changes: Partial<Droplet> = {}, probeFacts: Partial<ListedDroplet> = {}): ListedDroplet {
  const times = { createdAt: NOW - 60 * MINUTE, startedAt: NOW - 8 * MINUTE }
  return toListed(
    createTestDroplet({ id: '7e16c2cb0bf6'.padEnd(64, '0'), name: 'cikit07', ...times, ports, ...changes }),
    probeFacts,
  )
}
const bodyOf = (...of: Parameters<typeof droplet>) => toDropletBody(droplet(...of), context)

test('renders all fields of a running, probed droplet', () => {
  const probedDroplet = droplet({}, { health: 'ready', hostKey: HOST_KEY.key })
  expect(toDropletList([probedDroplet], context)).toEqual([
    {
      id: '7e16c2cb0bf6',
      name: 'cikit07',
      created: 'About an hour ago',
      created_at: '2026-01-02T11:00:00.000Z',
      created_by: null,
      status: 'Up 8 minutes',
      state: 'running',
      ports,
      number: 7,
      hostname: 'cikit07.matrix.test',
      image: 'localhost/cikit-droplet:bookworm',
      started_at: '2026-01-02T11:52:00.000Z',
      stopped_at: null,
      exit_code: null,
      health: 'ready',
      ssh: {
        command: 'ssh -p 2207 root@matrix.test',
        host_key: HOST_KEY.key,
        fingerprint: HOST_KEY.fingerprint,
      },
    },
  ])
})

test('a stopped droplet has its stop time and exit code', () => {
  expect(bodyOf({ ...stopped, ports: {} })).toMatchObject({
    started_at: '2026-01-02T11:52:00.000Z',
    stopped_at: '2026-01-02T11:59:00.000Z',
    exit_code: 137,
    health: null,
    ssh: null,
  })
})

test.each<[string, Partial<Droplet>, Partial<ReturnType<typeof bodyOf>>]>([
  ['that exited with 0', { ...stopped, exitCode: 0 }, { exit_code: 0 }],
  ['that is dead', { ...stopped, state: 'dead' }, { exit_code: 137, stopped_at: '2026-01-02T11:59:00.000Z' }],
  ['that runs again', { finishedAt: NOW - MINUTE, exitCode: 137 }, { exit_code: null, stopped_at: null }],
  ['that is paused', { state: 'paused', finishedAt: NOW - MINUTE }, { stopped_at: null, health: null }],
  ['that was never started', { state: 'created', startedAt: undefined }, { started_at: null, exit_code: null }],
  ['whose port 22 is not tcp', { ports: { '22': { ...ports['22'], type: 'udp' } } }, { ssh: null }],
])('a droplet %s', (_, changes, expected) => {
  expect(bodyOf(changes)).toMatchObject(expected)
})

test('without a probe the host key is null', () => {
  expect(bodyOf().ssh).toEqual({ command: 'ssh -p 2207 root@matrix.test', host_key: null, fingerprint: null })
})

describe('the health without a probe', () => {
  test.each([
    [119_999, 'booting'],
    [120_000, null],
  ] as const)('%p ms after its start is %p', (age, health) => {
    expect(bodyOf({ startedAt: NOW - age }).health).toBe(health)
  })

  test('is computed for each response', () => {
    const listedDroplet = droplet({ startedAt: NOW - 119_999 })
    const healthAt = (now: number) => toDropletBody(listedDroplet, { ...context, now }).health
    expect([healthAt(NOW), healthAt(NOW + 1), healthAt(NOW)]).toEqual(['booting', null, 'booting'])
  })
})

test('ages and domain are computed for each response', () => {
  const listedDroplet = droplet()
  expect(toDropletBody(listedDroplet, context)).toMatchObject({ created: 'About an hour ago', status: 'Up 8 minutes' })
  const later = toDropletBody(listedDroplet, { now: NOW + 60 * MINUTE, domain: 'other.test' })
  expect(later).toMatchObject({ created: '2 hours ago', status: 'Up About an hour' })
  expect(later.ssh?.command).toBe('ssh -p 2207 root@other.test')
})

test('the age is computed from whole seconds, as in the engine’s list', () => {
  const created = (at: number) => bodyOf({ createdAt: at }).created
  expect([created(NOW - 1_999), created(NOW - 2_000), created(NOW - 2_001)]).toEqual([
    '2 seconds ago',
    '2 seconds ago',
    '3 seconds ago',
  ])
})
