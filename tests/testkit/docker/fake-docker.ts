import { join } from 'node:path'
import { tempDir } from '../temp-dir.ts'

export interface DockerRequest {
  method: string
  /** Includes the query. */
  path: string
  body: string
}

/**
 * A socket with scripted responses, for behaviour that a real engine does not show on demand.
 * @param respond gets the request without the version prefix; undefined falls back to a plain Docker 20.10
 */
export function createFakeDocker(
  respond: (request: DockerRequest) => Response | undefined | Promise<Response | undefined>,
) {
  const dir = tempDir()
  const path = join(dir.path, 'docker.sock')
  const requests: DockerRequest[] = []
  const server = Bun.serve({
    unix: path,
    // Event streams may be silent for long. Bun's types have this option for TCP only.
    ...({ idleTimeout: 0 } as object),
    async fetch(request) {
      const url = new URL(request.url)
      const recorded = {
        method: request.method,
        path: url.pathname.replace(/^\/v\d+\.\d+/, '') + url.search,
        body: await request.text(),
      }
      requests.push({ ...recorded, path: url.pathname + url.search })
      return (await respond(recorded)) ?? defaultResponse(recorded)
    },
  })
  return {
    address: { kind: 'unix', path } as const,
    /** All requests, including the version prefix. */
    requests,
    async [Symbol.asyncDispose]() {
      await server.stop(true)
      dir[Symbol.dispose]()
    },
  }
}

function defaultResponse({ path }: DockerRequest): Response {
  if (path === '/version') return Response.json({ ApiVersion: '1.41', MinAPIVersion: '1.12' })
  if (path === '/info') {
    return Response.json({
      ServerVersion: '20.10.24',
      OSType: 'linux',
      CgroupVersion: '1',
      SecurityOptions: ['name=seccomp,profile=default'],
    })
  }
  return Response.json({ message: 'page not found' }, { status: 404 })
}
