import { createTar } from 'nanotar'
import { withTimeout } from '../../core/timeout.ts'
import {
  type Droplet,
  type DropletEngine,
  type DropletEvent,
  NameTakenError,
  PortTakenError,
} from '../../droplets/engine.ts'
import { cgroupHostConfig, type EngineInfo } from './cgroup.ts'
import type { DockerClient } from './client.ts'
import { containerConfig, MARK_LABEL } from './container-config.ts'
import { asCommand, asDropletCommand, asQuery, isNotFound } from './error-mapping.ts'
import { createDockerExec } from './exec.ts'
import { ensureImage } from './image.ts'
import { demultiplexOutput } from './multiplexed-output.ts'
import { createDockerProbe } from './probe.ts'
import { DockerApiError } from './response-body.ts'
import { parseContainer, parseContainers, parseEvent, parseId, parseIds, parseInfo, parsePaused } from './responses.ts'
import { parseUsage } from './usage.ts'

/** Keeps the total response time of a query under 3 seconds. */
const QUERY_TIMEOUT_MS = 2_500
const PING_TIMEOUT_MS = 2_000
/** Long enough to unpack a large image on a busy disk. */
const CREATE_TIMEOUT_MS = 60_000
/** The engine gives the init 10 s before it kills it. */
const STOP_TIMEOUT_MS = 60_000

/**
 * Docker lists a container shortly before its creation is complete. One that is removed in that moment stays listed and
 * cannot be removed any more.
 */
const CREATE_SETTLE_MS = 500

/** Starting an exec takes less than this. */
const EXEC_START_TIMEOUT_MS = 1_000
const EXEC_START_POLL_MS = 50

/** Runs droplets as containers of one Docker Engine. */
export function createDockerEngine(docker: DockerClient, options: { image: string; prefix: string }): DropletEngine {
  const { image, prefix } = options
  // Narrows the engine's response. Which containers are droplets is decided here, by the exact name.
  const nameFilter = JSON.stringify({ name: [`^/?${prefix}[0-9]{2}$`] })

  const { probe, execStarting } = createDockerProbe(docker)
  const { execute } = createDockerExec(docker)
  /** The last inspected state, keyed by id. */
  const lastInspected = new Map<string, Droplet>()

  return {
    async list() {
      return parseContainers(await listContainers(nameFilter), prefix)
    },

    async inspect(id) {
      const pausedDroplet = await pausedDuringExecStart(id)
      if (pausedDroplet) return pausedDroplet
      const response = await asQuery(() =>
        docker.request({ method: 'GET', path: `/containers/${id}/json`, timeoutMs: QUERY_TIMEOUT_MS }).catch(error => {
          if (isNotFound(error)) return undefined
          throw error
        }),
      )
      const droplet = response === undefined ? undefined : parseContainer(response, prefix)
      if (droplet) lastInspected.set(id, droplet)
      else lastInspected.delete(id)
      return droplet
    },

    async events(signal) {
      const query = { filters: JSON.stringify({ type: ['container'] }) }
      const request = { method: 'GET', path: '/events', query, timeoutMs: QUERY_TIMEOUT_MS } as const
      return dropletEvents(await asQuery(() => docker.stream(request, signal)))
    },

    probe,

    async usage(id) {
      // Without `one-shot` the engine measures for a second before it responds.
      const query = { stream: 'false', 'one-shot': 'true' }
      const request = { method: 'GET', path: `/containers/${id}/stats`, query, timeoutMs: QUERY_TIMEOUT_MS } as const
      const response = await asQuery(() =>
        docker.request(request).catch(error => {
          if (error instanceof DockerApiError) return undefined
          throw error
        }),
      )
      return response === undefined ? undefined : parseUsage(response)
    },

    execute: (id, program) => asDropletCommand(() => execute(id, program)),

    async console(id, { lines, follow }, signal) {
      const query = { stdout: '1', stderr: '1', tail: String(lines), follow: follow ? '1' : '0' }
      const request = { method: 'GET', path: `/containers/${id}/logs`, query, timeoutMs: QUERY_TIMEOUT_MS } as const
      return demultiplexOutput(await asDropletCommand(() => docker.bytes(request, signal)))
    },

    async ping() {
      await asQuery(() => docker.request({ method: 'GET', path: '/version', timeoutMs: PING_TIMEOUT_MS }))
    },

    async prepare(onProgress, signal) {
      cgroupHostConfig(await engineInfo(), '')
      await asCommand(() => ensureImage(docker, image, onProgress, signal))
    },

    async create(droplet) {
      const body = containerConfig(droplet, image, await engineInfo())
      const query = { name: droplet.name }
      const response = await asCommand(() =>
        docker
          .request({ method: 'POST', path: '/containers/create', query, json: body, timeoutMs: CREATE_TIMEOUT_MS })
          .catch(error => {
            throw error instanceof DockerApiError && error.status === 409 ? new NameTakenError(error) : error
          }),
      )
      const id = parseId(response)
      await installAuthorizedKeys(id, droplet.authorizedKeys)
      return id
    },

    async start(id) {
      await asDropletCommand(() =>
        docker
          .request({ method: 'POST', path: `/containers/${id}/start`, timeoutMs: CREATE_TIMEOUT_MS })
          .catch(error => {
            // Messages of Docker's allocator (another container) and of the kernel (another program).
            const isPortTaken =
              error instanceof DockerApiError && /port is already allocated|address already in use/.test(error.message)
            throw isPortTaken ? new PortTakenError(error) : error
          }),
      )
    },

    async stop(id) {
      await asDropletCommand(() =>
        docker.request({ method: 'POST', path: `/containers/${id}/stop`, timeoutMs: STOP_TIMEOUT_MS }),
      )
    },

    remove,

    async removeMarked(mark, createAnswered) {
      const ids = parseIds(await listContainers(JSON.stringify({ label: [`${MARK_LABEL}=${mark}`] })))
      if (ids.length > 0 && !createAnswered) await Bun.sleep(CREATE_SETTLE_MS)
      for (const id of ids) await remove(id)
      return ids.length > 0
    },
  }

  /**
   * A droplet that was paused while an exec was starting in it. Docker 20.10 then blocks every request about this
   * container until its processes are thawed or killed on the host. The container list still works, so that the other
   * droplets can be shown.
   */
  async function pausedDuringExecStart(id: string): Promise<Droplet | undefined> {
    const lastKnown = lastInspected.get(id)
    for (let attempt = 0; attempt < EXEC_START_TIMEOUT_MS / EXEC_START_POLL_MS && lastKnown; attempt++) {
      const started = execStarting(id)
      if (!started) return undefined
      if (parsePaused(await listContainers(JSON.stringify({ id: [id] })), id)) return { ...lastKnown, state: 'paused' }
      await withTimeout(started, EXEC_START_POLL_MS)
    }
    return undefined
  }

  async function* dropletEvents(lines: AsyncIterable<unknown>): AsyncGenerator<DropletEvent> {
    for await (const line of lines) {
      const event = parseEvent(line, prefix)
      if (event) yield event
    }
  }

  /** `GET /containers/json`. An error never yields an empty list. */
  async function listContainers(filters: string): Promise<unknown> {
    const query = { all: '1', filters }
    return await asQuery(() =>
      docker.request({ method: 'GET', path: '/containers/json', query, timeoutMs: QUERY_TIMEOUT_MS }),
    )
  }

  async function engineInfo(): Promise<EngineInfo> {
    return parseInfo(await asQuery(() => docker.request({ method: 'GET', path: '/info', timeoutMs: QUERY_TIMEOUT_MS })))
  }

  async function remove(id: string): Promise<void> {
    const query = { force: '1', v: '1' }
    await asCommand(() =>
      docker
        .request({ method: 'DELETE', path: `/containers/${id}`, query, timeoutMs: STOP_TIMEOUT_MS })
        .catch(error => {
          if (!isNotFound(error)) throw error
        }),
    )
  }

  /** `PUT /containers/ID/archive` works before the first start, so the keys are in place when sshd comes up. */
  async function installAuthorizedKeys(id: string, authorizedKeys: string): Promise<void> {
    const root = { uid: 0, gid: 0, user: 'root', group: 'root' }
    const tar = createTar([
      { name: 'root/.ssh/', attrs: { ...root, mode: '700' } },
      { name: 'root/.ssh/authorized_keys', data: authorizedKeys, attrs: { ...root, mode: '600' } },
    ])
    const path = `/containers/${id}/archive`
    await asCommand(() =>
      docker.request({ method: 'PUT', path, query: { path: '/' }, tar, timeoutMs: CREATE_TIMEOUT_MS }),
    )
  }
}
