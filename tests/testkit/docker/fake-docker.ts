import { join } from 'node:path'
import { tempDir } from '../temp-dir.ts'

export interface DockerRequest {
  method: string
  /** With the query. */
  path: string
  body: string
}

/**
 * A socket that answers like an engine, or like a broken one: for what a real engine cannot be brought to say.
 * @param respond gets the request, without its version prefix in `path`; undefined falls back to a plain 20.10 engine
 */
export function createFakeDocker(
  respond: (request: DockerRequest) => Response | undefined | Promise<Response | undefined>,
) {
  const dir = tempDir()
  const path = join(dir.path, 'docker.sock')
  const requests: DockerRequest[] = []
  const server = Bun.serve({
    unix: path,
    // A stream of events may be silent for long. Bun's types know this of TCP only.
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
    /** All that came, with the version prefix in `path`. */
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
