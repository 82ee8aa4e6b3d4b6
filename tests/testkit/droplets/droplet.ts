import type { Droplet, ListedDroplet } from '../../../src/droplets/engine.ts'

/** A running droplet with a unique id, never probed. */
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

/** The droplet as the informer lists it. */
export function toListed(droplet: Droplet, overrides: Partial<ListedDroplet> = {}): ListedDroplet {
  return { ...droplet, health: undefined, hostKey: undefined, ...overrides }
}

/** A host key from ssh-keygen, with the fingerprint from `ssh-keygen -l`. */
export const HOST_KEY = {
  key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINQ3VhKuqru1p79ls5NC1yARPltS9dL7LLwbqp+4fqAz',
  fingerprint: 'SHA256:5kLsBbsYX56LpatgxeekKfqROIW2XJRr6XNUEf+im+w',
}
