import type { Progress } from '../../../src/droplets/engine.ts'
import { createDockerClient } from '../../../src/engines/docker/client.ts'
import { createDockerEngine } from '../../../src/engines/docker/engine.ts'
import { createFakeDocker, type Responder } from './fake-docker.ts'

/** The Docker engine adapter with a fake Docker. */
export function createTestEngine(respond?: Responder, image = 'localhost/cikit-droplet:bookworm') {
  const docker = createFakeDocker(respond)
  const progress: Progress[] = []
  const client = createDockerClient(docker.address)
  const engine = createDockerEngine(client, { image, prefix: 'cikit' })
  return {
    ...docker,
    engine,
    client,
    prepare: (signal = new AbortController().signal) => engine.prepare(update => void progress.push(update), signal),
    /** Progress of builds and pulls. */
    progress,
  }
}
