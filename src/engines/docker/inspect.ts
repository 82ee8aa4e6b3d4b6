import { ApiError } from '../../core/errors.ts'
import { cgroupHostConfig } from './cgroup.ts'
import type { DockerClient } from './client.ts'
import { hasImage } from './image.ts'
import { parseInfo, parseSystemTime } from './responses.ts'

const QUERY_TIMEOUT_MS = 2_500

export interface EngineReport {
  /** `Docker 28.5.2 with cgroup v2`. */
  description: string
  /** Why droplets cannot boot there; undefined if they can. */
  unfitReason: string | undefined
  hasImage: boolean
  /** How far its clock is ahead of ours, in milliseconds; NaN if it is unknown. */
  clockAheadMs: number
}

/**
 * Inspects an engine without changing anything (`GET /info`, `GET /images/NAME/json`).
 * @param now milliseconds since 1970
 * @throws ApiError 918 when it does not respond
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
