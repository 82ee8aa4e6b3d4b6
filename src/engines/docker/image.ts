import { createTar } from 'nanotar'
import type { Progress, Report } from '../../droplets/engine.ts'
import { ApiError } from '../../errors.ts'
import { OWN_IMAGE } from '../../setting-values.ts'
import { type DockerClient, DockerRefusal } from './client.ts'
import dockerfile from './droplet-image/Dockerfile' with { type: 'text' }

/** Downloading a layer or installing packages may say nothing for a while. */
const LONGEST_SILENCE_MS = 300_000

/**
 * Sees to it that the image is on the engine: our own one is built, another one is pulled, each only when absent.
 * @throws ApiError 924 when it is not to be had
 */
export async function ensureImage(
  docker: DockerClient,
  image: string,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  if (await hasImage(docker, image)) return
  if (image === OWN_IMAGE) return await buildOwnImage(docker, report, signal)
  if (image.startsWith('localhost/')) {
    throw unavailable(
      `${image} is not on the engine, and a name below localhost/ is nobody's to pull: build or load it there`,
    )
  }
  await pull(docker, image, report, signal)
}

/**
 * Builds the default droplet image from the Dockerfile inside this binary (`POST /build`).
 * @throws ApiError 924 with the engine's words
 */
export async function buildOwnImage(docker: DockerClient, report: Report, signal?: AbortSignal): Promise<void> {
  const context = createTar([{ name: 'Dockerfile', data: dockerfile, attrs: { mode: '644', uid: 0, gid: 0 } }])
  const query = { t: OWN_IMAGE, rm: '1', forcerm: '1' }
  const request = { method: 'POST', path: '/build', query, tar: context, timeoutMs: LONGEST_SILENCE_MS } as const
  await follow(docker.lines(request, signal), `${OWN_IMAGE} cannot be built`, createBuildProgress(), report)
}

async function pull(docker: DockerClient, image: string, report: Report, signal: AbortSignal): Promise<void> {
  // Without a tag the engine would pull every tag there is.
  const fromImage = /(:[^/]+|@[^/]+)$/.test(image) ? image : `${image}:latest`
  const query = { fromImage }
  const request = { method: 'POST', path: '/images/create', query, timeoutMs: LONGEST_SILENCE_MS } as const
  await follow(docker.lines(request, signal), `${image} cannot be pulled`, createPullProgress(), report)
}

/** @throws ApiError 918 */
export async function hasImage(docker: DockerClient, image: string): Promise<boolean> {
  try {
    await docker.request({ method: 'GET', path: `/images/${image}/json`, timeoutMs: 2_500 })
    return true
  } catch (error) {
    if (!(error instanceof DockerRefusal)) throw error
    if (error.status === 404) return false
    throw new ApiError('engineUnavailable', { cause: error })
  }
}

/** A line of either stream, as far as it is understood here. */
interface Line {
  stream?: unknown
  status?: unknown
  id?: unknown
  error?: unknown
  progressDetail?: { current?: unknown; total?: unknown } | null
}

/** Both streams report a failure in a line of its own, after the status 200 has long been sent. */
async function follow(
  lines: AsyncIterable<unknown>,
  failure: string,
  progressOf: (line: Line) => Progress | undefined,
  report: Report,
): Promise<void> {
  try {
    for await (const line of lines) {
      const said = (line ?? {}) as Line
      if (typeof said.error === 'string') throw unavailable(`${failure}: ${said.error}`)
      const progress = progressOf(said)
      if (progress) report(progress)
    }
  } catch (error) {
    if (error instanceof DockerRefusal) throw unavailable(`${failure}: ${error.message}`)
    throw error
  }
}

/** The builder says which step of how many it begins: `Step 3/9 : RUN …`. */
function createBuildProgress() {
  let steps: { done: number; total: number } | undefined
  return ({ stream }: Line): Progress | undefined => {
    const text = typeof stream === 'string' ? stream.trim() : ''
    if (text === '') return undefined
    const [, step, total] = /^Step (\d+)\/(\d+) : /.exec(text) ?? []
    if (step && total) steps = { done: Number(step) - 1, total: Number(total) }
    return { text, ...steps }
  }
}

/** A pull says of each layer how many bytes of how many are there; of all of them it is the sum. */
function createPullProgress() {
  const layers = new Map<string, { current: number; total: number }>()
  return ({ status, id, progressDetail }: Line): Progress | undefined => {
    if (typeof status !== 'string') return undefined
    if (typeof id !== 'string') return { text: status, ...sumOf(layers) }
    const { current, total } = progressDetail ?? {}
    if (status === 'Downloading' && typeof current === 'number' && typeof total === 'number' && total > 0) {
      layers.set(id, { current: Math.min(current, total), total })
    }
    const layer = layers.get(id)
    if (layer && status === 'Download complete') layer.current = layer.total
    return { text: `${id}: ${status}`, ...sumOf(layers) }
  }
}

function sumOf(layers: ReadonlyMap<string, { current: number; total: number }>): Partial<Progress> {
  const all = [...layers.values()]
  if (all.length === 0) return {}
  const sum = (numbers: number[]) => numbers.reduce((left, right) => left + right, 0)
  return { done: sum(all.map(({ current }) => current)), total: sum(all.map(({ total }) => total)) }
}

function unavailable(reason: string): ApiError {
  return new ApiError('imageUnavailable', { text: `The droplet image is not available: ${reason}` })
}
