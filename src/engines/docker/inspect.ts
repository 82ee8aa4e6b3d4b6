import { ApiError } from '../../core/errors.ts'
import { cgroupHostConfig } from './cgroup.ts'
import type { DockerClient } from './client.ts'
import { hasImage } from './image.ts'
import { parseInfo, parseSystemTime } from './responses.ts'

const QUERY_TIMEOUT_MS = 2_500

export interface EngineReport {
  /** `Docker 28.5.2 with cgroup v2`. */
  description: string
  /** Why no droplet can boot there; undefined where it can. */
  unfitReason: string | undefined
  hasImage: boolean
  /** By how many milliseconds its clock is ahead of ours; NaN when it does not say. */
  clockAheadMs: number
}

/**
 * Looks at an engine, and changes nothing (`GET /info`, `GET /images/NAME/json`).
 * @param now milliseconds since 1970
 * @throws ApiError 918 when it does not answer
 */
export async function inspectEngine(docker: DockerClient, image: string, now: () => number): Promise<EngineReport> {
  const requestedAt = now()
  const info = await docker.request({ method: 'GET', path: '/info', timeoutMs: QUERY_TIMEOUT_MS })
  const respondedAt = now()
  const engineInfo = parseInfo(info)
  return {
    description: `Docker ${engineInfo.serverVersion} with cgroup v${engineInfo.cgroupVersion}`,
    unfitReason: unfitReasonOf(() => cgroupHostConfig(engineInfo, 'cikit01')),
    hasImage: await hasImage(docker, image),
    clockAheadMs: parseSystemTime(info) - (requestedAt + respondedAt) / 2,
  }
}

function unfitReasonOf(checkEngine: () => unknown): string | undefined {
  try {
    checkEngine()
    return undefined
  } catch (error) {
    if (error instanceof ApiError) return error.message
    throw error
  }
}
