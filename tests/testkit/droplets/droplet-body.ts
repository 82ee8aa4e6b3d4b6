import type { DropletBody } from '../../../src/droplets/schema.ts'

/** A running droplet as the API lists it. */
export function dropletBody(overrides: Partial<DropletBody> = {}): DropletBody {
  return {
    ...{ id: '7e16c2cb0bf6', name: 'cikit01', created: '9 minutes ago', created_at: '2026-11-23T13:40:20.000Z' },
    ...{ status: 'Up 8 minutes', state: 'running', number: 1, hostname: 'cikit01.matrix.test' },
    ports: { '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 2201 } } },
    image: 'localhost/cikit-droplet:bookworm',
    ...{
      created_by: 'ann',
      started_at: '2026-11-23T13:40:21.000Z',
      stopped_at: null,
      exit_code: null,
      health: 'ready',
      ssh: null,
    },
    ...overrides,
  }
}
