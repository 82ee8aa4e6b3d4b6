import type { Droplet, ListedDroplet } from '../../../src/droplets/engine.ts'

/** One that runs and was never looked into, with an id of its own. */
export function createTestDroplet(overrides: Partial<Droplet> & { name: string; createdAt: number }): Droplet {
  return {
    id: crypto.randomUUID().replaceAll('-', '').repeat(2),
    hostname: `${overrides.name}.matrix.test`,
    image: 'localhost/cikit-droplet:bookworm',
    createdBy: undefined,
    startedAt: overrides.createdAt,
    finishedAt: undefined,
    exitCode: 0,
    state: 'running',
    healthCheck: undefined,
    ports: {},
    ...overrides,
  }
}

/** As it is listed. */
export function toListed(droplet: Droplet, overrides: Partial<ListedDroplet> = {}): ListedDroplet {
  return { ...droplet, health: undefined, hostKey: undefined, ...overrides }
}

/** Of a host, made by ssh-keygen, and what `ssh-keygen -l` says of it. */
export const HOST_KEY = {
  key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINQ3VhKuqru1p79ls5NC1yARPltS9dL7LLwbqp+4fqAz',
  fingerprint: 'SHA256:5kLsBbsYX56LpatgxeekKfqROIW2XJRr6XNUEf+im+w',
}
