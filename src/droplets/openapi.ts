import type { Parameter, RouteDescription, TagSection } from '../api/openapi/description.ts'
import type { ErrorName } from '../core/errors.ts'
import { execModels, execRoutes } from './exec/openapi.ts'
import { logRoutes } from './logs/openapi.ts'
import { acceptedResponse } from './operations/openapi.ts'
import { addDropletRequest, dropletBody, dropletList } from './schema.ts'
import { statsModels, statsRoutes } from './stats/openapi.ts'

const dropletExample = {
  id: '7e16c2cb0bf6',
  name: 'cikit01',
  created: '9 minutes ago',
  created_at: '2026-11-23T13:40:20.000Z',
  created_by: 'ann',
  status: 'Up 8 minutes',
  state: 'running',
  ports: {
    22: { type: 'tcp', from: { ip: '0.0.0.0', port: 2201 } },
    80: { type: 'tcp', from: { ip: '127.0.0.1', port: 8001 } },
    443: { type: 'tcp', from: { ip: '127.0.0.1', port: 44301 } },
  },
  number: 1,
  hostname: 'cikit01.matrix.example.com',
  image: 'localhost/cikit-droplet:bookworm',
  started_at: '2026-11-23T13:41:03.114Z',
  stopped_at: null,
  exit_code: null,
  health: 'ready',
  ssh: {
    command: 'ssh -p 2201 root@matrix.example.com',
    host_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFx3…',
    fingerprint: 'SHA256:5kLsBbsYX56L…',
  },
}

const listResponse = { description: 'The droplets, newest first', schema: dropletList, example: [dropletExample] }

const headers: Record<string, Parameter> = {
  Prefer: {
    description:
      '`respond-async` returns the operation immediately; with `wait=SECONDS` (at most 60) after that time (RFC 7240)',
    schema: { type: 'string' },
    example: 'respond-async, wait=10',
  },
  'Idempotency-Key': {
    description:
      'Identifies the change, so that a retry after a lost connection does not repeat it: visible characters',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
    example: 'build-4711',
  },
}

const changeErrors: ErrorName[] = [
  'engineRefused',
  'engineUnavailable',
  'engineUnfit',
  'keyReused',
  'operationCancelled',
  'operationInterrupted',
  'tooManyOperations',
]

export const dropletSection: TagSection = {
  name: 'Droplets',
  description:
    'Containers that behave as virtual machines. A change returns the updated list or, with `Prefer: respond-async`, its operation.',
  models: { Droplet: dropletBody, DropletList: dropletList, ...statsModels, ...execModels },
  routes: {
    'GET /api/v1/droplet/list': {
      summary: 'List the droplets',
      access: 'viewer',
      responses: { 200: listResponse },
      errors: ['engineUnavailable'],
    },
    'POST /api/v1/droplet/add': changeRoute('Add a droplet', {
      description:
        'It gets the number after the highest in use or, if 99 is taken, the lowest free number. A missing image is pulled or built.',
      request: {
        schema: addDropletRequest,
        example: { ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGk7… ann@laptop'] },
      },
      errors: [...changeErrors, 'noFreeNumber', 'imageUnavailable'],
    }),
    'PATCH /api/v1/droplet/start/:droplet': changeRoute('Start a droplet'),
    'PATCH /api/v1/droplet/stop/:droplet': changeRoute('Stop a droplet'),
    'PATCH /api/v1/droplet/restart/:droplet': changeRoute('Restart a droplet'),
    'DELETE /api/v1/droplet/delete/:droplet': changeRoute('Delete a droplet', {
      description: 'Also deletes its data and keys.',
    }),
    ...statsRoutes,
    ...logRoutes,
    ...execRoutes,
  },
}

function changeRoute(summary: string, overrides: Partial<RouteDescription> = {}): RouteDescription {
  return {
    summary,
    access: 'manager',
    headers,
    responses: { 200: listResponse, 202: acceptedResponse },
    errors: changeErrors,
    ...overrides,
  }
}
