import { createTar } from 'nanotar'
import { DEFAULT_IMAGE } from '../../config/parse.ts'
import { ApiError } from '../../core/errors.ts'
import type { Progress, ProgressCallback } from '../../droplets/engine.ts'
import type { DockerClient } from './client.ts'
import dockerfile from './droplet-image/Dockerfile' with { type: 'text' }
import { DockerApiError } from './response-body.ts'

/** Downloading a layer or installing packages may be silent for a while. */
const IDLE_TIMEOUT_MS = 300_000

/**
 * Builds the default image, or pulls another one, if the engine does not have it.
 * @throws ApiError 924 when it is not available
 */
export async function ensureImage(
  docker: DockerClient,
  image: string,
  onProgress: ProgressCallback,
  signal: AbortSignal,
): Promise<void> {
  if (await hasImage(docker, image)) return
  if (image === DEFAULT_IMAGE) return await buildDefaultImage(docker, onProgress, signal)
  if (image.startsWith('localhost/')) {
    throw imageUnavailable(
      `${image} is not on the engine, and localhost/ images cannot be pulled: build or load it there`,
    )
  }
  await pull(docker, image, onProgress, signal)
}

/**
 * Builds the default droplet image from the Dockerfile inside this binary (`POST /build`).
 * @throws ApiError 924 with the engine's message
 */
export async function buildDefaultImage(
  docker: DockerClient,
  onProgress: ProgressCallback,
  signal?: AbortSignal,
): Promise<void> {
  const buildContext = createTar([{ name: 'Dockerfile', data: dockerfile, attrs: { mode: '644', uid: 0, gid: 0 } }])
  const query = { t: DEFAULT_IMAGE, rm: '1', forcerm: '1' }
  const request = { method: 'POST', path: '/build', query, tar: buildContext, timeoutMs: IDLE_TIMEOUT_MS } as const
  await consumeProgress(
    docker.lines(request, signal),
    `${DEFAULT_IMAGE} cannot be built`,
    createBuildProgress(),
    onProgress,
  )
}

async function pull(
  docker: DockerClient,
  image: string,
  onProgress: ProgressCallback,
  signal: AbortSignal,
): Promise<void> {
  // Without a tag the engine would pull every tag there is.
  const fromImage = /(:[^/]+|@[^/]+)$/.test(image) ? image : `${image}:latest`
  const query = { fromImage }
  const request = { method: 'POST', path: '/images/create', query, timeoutMs: IDLE_TIMEOUT_MS } as const
  await consumeProgress(docker.lines(request, signal), `${image} cannot be pulled`, createPullProgress(), onProgress)
}

/** @throws ApiError 918 */
export async function hasImage(docker: DockerClient, image: string): Promise<boolean> {
  try {
    await docker.request({ method: 'GET', path: `/images/${image}/json`, timeoutMs: 2_500 })
    return true
  } catch (error) {
    if (!(error instanceof DockerApiError)) throw error
    if (error.status === 404) return false
    throw new ApiError('engineUnavailable', { cause: error })
  }
}

/** A line of a build or pull; other fields are ignored. */
interface ProgressLine {
  stream?: unknown
  status?: unknown
  id?: unknown
  error?: unknown
  progressDetail?: { current?: unknown; total?: unknown } | null
}

/** Builds and pulls report a failure as a line of the stream, after the status 200 was sent. */
async function consumeProgress(
  lines: AsyncIterable<unknown>,
  failureText: string,
  parseProgress: (line: ProgressLine) => Progress | undefined,
  onProgress: ProgressCallback,
): Promise<void> {
  try {
    for await (const line of lines) {
      const message = (line ?? {}) as ProgressLine
      if (typeof message.error === 'string') throw imageUnavailable(`${failureText}: ${message.error}`)
      const progress = parseProgress(message)
      if (progress) onProgress(progress)
    }
  } catch (error) {
    if (error instanceof DockerApiError) throw imageUnavailable(`${failureText}: ${error.message}`)
    throw error
  }
}

/** The builder announces each step: `Step 3/9 : RUN …`. */
function createBuildProgress() {
  let steps: { done: number; total: number } | undefined
  return ({ stream }: ProgressLine): Progress | undefined => {
    const text = typeof stream === 'string' ? stream.trim() : ''
    if (text === '') return undefined
    const [, step, total] = /^Step (\d+)\/(\d+) : /.exec(text) ?? []
    if (step && total) steps = { done: Number(step) - 1, total: Number(total) }
    return { text, ...steps }
  }
}

/** A pull reports the bytes of each layer; the progress is their sum. */
function createPullProgress() {
  const layers = new Map<string, { current: number; total: number }>()
  return ({ status, id, progressDetail }: ProgressLine): Progress | undefined => {
    if (typeof status !== 'string') return undefined
    if (typeof id !== 'string') return { text: status, ...totalProgress(layers) }
    const { current, total } = progressDetail ?? {}
    if (status === 'Downloading' && typeof current === 'number' && typeof total === 'number' && total > 0) {
      layers.set(id, { current: Math.min(current, total), total })
    }
    const layer = layers.get(id)
    if (layer && status === 'Download complete') layer.current = layer.total
    return { text: `${id}: ${status}`, ...totalProgress(layers) }
  }
}

function totalProgress(layers: ReadonlyMap<string, { current: number; total: number }>): Partial<Progress> {
  const all = [...layers.values()]
  if (all.length === 0) return {}
  const sum = (numbers: number[]) => numbers.reduce((left, right) => left + right, 0)
  return { done: sum(all.map(({ current }) => current)), total: sum(all.map(({ total }) => total)) }
}

function imageUnavailable(reason: string): ApiError {
  return new ApiError('imageUnavailable', { text: `The droplet image is not available: ${reason}` })
}
