import type { Progress } from '../../../src/droplets/engine.ts'
import { createDockerClient } from '../../../src/engines/docker/client.ts'
import { createDockerEngine } from '../../../src/engines/docker/engine.ts'
import { createFakeDocker } from './fake-docker.ts'

type RespondTo = Parameters<typeof createFakeDocker>[0]

/** The Docker engine adapter with a fake socket. */
export function createTestEngine(respond: RespondTo, image = 'localhost/cikit-droplet:bookworm') {
  const docker = createFakeDocker(respond)
  const progress: Progress[] = []
  const client = createDockerClient(docker.address)
  const engine = createDockerEngine(client, { image, prefix: 'cikit' })
  return {
    engine,
    prepare: (signal = new AbortController().signal) => engine.prepare(update => void progress.push(update), signal),
    client,
    requests: docker.requests,
    /** Progress of builds and pulls. */
    progress,
    /** The requests, such as `GET /v1.41/info`, with decoded query parameters. */
    requestLines: () => docker.requests.map(({ method, path }) => `${method} ${decodeURIComponent(path)}`),
    [Symbol.asyncDispose]: docker[Symbol.asyncDispose],
  }
}

/** An error response of the engine. */
export function errorResponse(status: number, message: string): Response {
  return Response.json({ message }, { status })
}

/** A frame of Docker's multiplexed stream: stream number, length, payload. */
export function encodeFrame(text: string, stream = 1): Uint8Array {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

/** An entry of `GET /containers/json` for a running droplet, as in Docker 20.10. */
export function containerEntry(overrides: Record<string, unknown> = {}) {
  return {
    Id: '7e16c2cb0bf6'.padEnd(64, '0'),
    Names: ['/cikit22'],
    Image: 'br0ken/ubuntu-systemd',
    Created: 1_767_323_045,
    State: 'running',
    Status: 'Up 8 minutes',
    Ports: [{ IP: '0.0.0.0', PrivatePort: 22, PublicPort: 2222, Type: 'tcp' }],
    Labels: {},
    ...overrides,
  }
}

/** `GET /containers/ID/json` of a running droplet, as in Docker 20.10. */
export function containerDetails(
  overrides: Record<string, unknown> = {},
  stateOverrides: Record<string, unknown> = {},
) {
  return {
    Id: '7e16c2cb0bf6'.padEnd(64, '0'),
    Created: '2026-01-02T03:04:05.123456789Z',
    Name: '/cikit22',
    State: {
      Status: 'running',
      Running: true,
      Paused: false,
      Restarting: false,
      Dead: false,
      ExitCode: 0,
      StartedAt: '2026-01-02T03:04:06.5Z',
      FinishedAt: '0001-01-01T00:00:00Z',
      ...stateOverrides,
    },
    Config: { Hostname: 'cikit22.matrix.test', Domainname: '', Image: 'br0ken/ubuntu-systemd' },
    NetworkSettings: { Ports: { '22/tcp': [{ HostIp: '0.0.0.0', HostPort: '2222' }] } },
    ...overrides,
  }
}
