import type { Progress } from '../../src/droplets/engine.ts'
import { createDockerClient } from '../../src/engines/docker/client.ts'
import { createDockerEngine } from '../../src/engines/docker/engine.ts'
import { createFakeDocker } from './fake-docker.ts'

type Answer = Parameters<typeof createFakeDocker>[0]

/** The Docker engine of the program over a fake socket. */
export function createTestEngine(answer: Answer, image = 'localhost/cikit-droplet:bookworm') {
  const docker = createFakeDocker(answer)
  const progress: Progress[] = []
  const client = createDockerClient(docker.address)
  const engine = createDockerEngine(client, { image, prefix: 'cikit' })
  return {
    engine,
    prepare: (signal = new AbortController().signal) => engine.prepare(said => void progress.push(said), signal),
    client,
    requests: docker.requests,
    /** What the engine said while it built or pulled. */
    progress,
    /** The requests as `GET /v1.41/info`, with the query parameters decoded. */
    asked: () => docker.requests.map(({ method, path }) => `${method} ${decodeURIComponent(path)}`),
    [Symbol.asyncDispose]: docker[Symbol.asyncDispose],
  }
}

/** An error as the engine words it. */
export function refusal(status: number, message: string): Response {
  return Response.json({ message }, { status })
}

/** A piece of a stream of Docker's: which of them, its length, and what was printed. */
export function frame(text: string, stream = 1): Uint8Array {
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([head, Buffer.from(text)])
}

/** An entry of `GET /containers/json`, as Docker 20.10 gives it for a droplet that runs. */
export function containerEntry(changed: Record<string, unknown> = {}) {
  return {
    Id: '7e16c2cb0bf6'.padEnd(64, '0'),
    Names: ['/cikit22'],
    Image: 'br0ken/ubuntu-systemd',
    Created: 1_767_323_045,
    State: 'running',
    Status: 'Up 8 minutes',
    Ports: [{ IP: '0.0.0.0', PrivatePort: 22, PublicPort: 2222, Type: 'tcp' }],
    Labels: {},
    ...changed,
  }
}

/** `GET /containers/ID/json`, as Docker 20.10 gives it for a droplet that runs. */
export function containerDetails(changed: Record<string, unknown> = {}, state: Record<string, unknown> = {}) {
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
      ...state,
    },
    Config: { Hostname: 'cikit22.matrix.test', Domainname: '', Image: 'br0ken/ubuntu-systemd' },
    NetworkSettings: { Ports: { '22/tcp': [{ HostIp: '0.0.0.0', HostPort: '2222' }] } },
    ...changed,
  }
}
