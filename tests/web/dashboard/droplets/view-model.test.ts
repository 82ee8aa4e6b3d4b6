import { describe, expect, test } from 'bun:test'
import {
  displayStatus,
  filterDroplets,
  sortDroplets,
  webLinks,
} from '../../../../src/web/dashboard/droplets/view-model.ts'
import { dropletBody } from '../../../testkit/droplets/droplet-body.ts'

test.each([
  [{ state: 'running', health: 'ready' }, 'Ready', 'good'],
  [{ state: 'running', health: 'booting' }, 'Booting', 'warn'],
  [{ state: 'running', health: 'degraded' }, 'Degraded', 'bad'],
  [{ state: 'running', health: null }, 'Running', 'good'],
  [{ state: 'exited', exit_code: 0 }, 'Stopped', 'off'],
  [{ state: 'exited', exit_code: 137 }, 'Stopped (137)', 'off'],
  [{ state: 'paused' }, 'Paused', 'warn'],
  [{ state: 'removing' }, 'Removing', 'warn'],
  [{ state: 'dead' }, 'Dead', 'bad'],
] as const)('shows %p as %s', (fields, text, kind) => {
  expect(displayStatus({ health: null, exit_code: null, ...fields })).toEqual({ text, kind })
})

describe('filtering and sorting', () => {
  const droplets = [
    dropletBody({ name: 'cikit01', number: 1, state: 'running', health: 'ready', created_at: '2026-01-03T00:00:00Z' }),
    dropletBody({ name: 'cikit02', number: 2, state: 'exited', health: null, created_at: '2026-01-01T00:00:00Z' }),
    dropletBody({
      name: 'cikit03',
      number: 3,
      state: 'running',
      health: 'booting',
      created_at: '2026-01-02T00:00:00Z',
    }),
  ]
  const names = (list: typeof droplets) => list.map(({ name }) => name.slice(-2)).join(' ')

  test.each([
    ['', '01 02 03'],
    ['stopped', '02'],
    ['CIKIT03', '03'],
    ['run boot', '03'],
    ['no such', ''],
  ])('filters by %p to %p', (text, expected) => {
    expect(names(filterDroplets(droplets, text))).toBe(expected)
  })

  test.each([
    ['name', '01 02 03', '03 02 01'],
    ['age', '01 03 02', '02 03 01'],
    ['state', '03 01 02', '02 01 03'],
  ] as const)('sorts by %s in both directions', (by, ascending, descending) => {
    expect(names(sortDroplets(droplets, { by, descending: false }))).toBe(ascending)
    expect(names(sortDroplets(droplets, { by, descending: true }))).toBe(descending)
  })
})

test('links use the host of the SSH command, or the host of the page without one', () => {
  const portAt = (port: number) => ({ type: 'tcp', from: { ip: '0.0.0.0', port } })
  const ports = { 22: portAt(2207), 80: portAt(8007), 443: portAt(44307) }
  const ssh = { command: 'ssh -p 2207 root@matrix.test', host_key: null, fingerprint: null }
  expect(webLinks({ ports, ssh }, 'elsewhere').map(({ href }) => href)).toEqual([
    'http://matrix.test:8007/',
    'https://matrix.test:44307/',
  ])
  expect(webLinks({ ports: { 80: portAt(8007) }, ssh: null }, 'elsewhere')).toEqual([
    { href: 'http://elsewhere:8007/', port: 8007 },
  ])
  expect(webLinks({ ports: {}, ssh: null }, 'elsewhere')).toEqual([])
})
