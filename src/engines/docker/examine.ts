import { ApiError } from '../../errors.ts'
import { parseInfo, parseSystemTime } from './answers.ts'
import { cgroupRecipe } from './cgroup.ts'
import type { DockerClient } from './client.ts'
import { hasImage } from './image.ts'

const ASK_TIMEOUT_MS = 2_500

export interface ExaminedEngine {
  /** `Docker 28.5.2 with cgroup v2`. */
  what: string
  /** Why no droplet can boot there; undefined where it can. */
  unfit: string | undefined
  hasImage: boolean
  /** By how many milliseconds its clock is ahead of ours; NaN when it does not say. */
  ahead: number
}

/**
 * Looks at an engine, and changes nothing (`GET /info`, `GET /images/NAME/json`).
 * @param now milliseconds since 1970
 * @throws ApiError 918 when it does not answer
 */
export async function examineEngine(docker: DockerClient, image: string, now: () => number): Promise<ExaminedEngine> {
  const asked = now()
  const info = await docker.request({ method: 'GET', path: '/info', timeoutMs: ASK_TIMEOUT_MS })
  const answered = now()
  const facts = parseInfo(info)
  return {
    what: `Docker ${facts.serverVersion} with cgroup v${facts.cgroupVersion}`,
    unfit: whyUnfit(() => cgroupRecipe(facts, 'cikit01')),
    hasImage: await hasImage(docker, image),
    ahead: parseSystemTime(info) - (asked + answered) / 2,
  }
}

function whyUnfit(choose: () => unknown): string | undefined {
  try {
    choose()
    return undefined
  } catch (error) {
    if (error instanceof ApiError) return error.message
    throw error
  }
}
