import { createTar } from 'nanotar'
import { ApiError } from '../../errors.ts'
import { OWN_IMAGE } from '../../setting-values.ts'
import { type DockerClient, DockerRefusal } from './client.ts'
import dockerfile from './droplet-image/Dockerfile' with { type: 'text' }

/** Downloading a layer or installing packages may say nothing for a while. */
const LONGEST_SILENCE_MS = 300_000

export type Progress = (line: string) => void

/**
 * Sees to it that the image is on the engine: our own one is built, another one is pulled, each only when absent.
 * @throws ApiError 924 when it is not to be had
 */
export async function ensureImage(docker: DockerClient, image: string, progress: Progress): Promise<void> {
  if (await hasImage(docker, image)) return
  if (image === OWN_IMAGE) return await buildOwnImage(docker, progress)
  if (image.startsWith('localhost/')) {
    throw unavailable(
      `${image} is not on the engine, and a name below localhost/ is nobody's to pull: build or load it there`,
    )
  }
  await pull(docker, image, progress)
}

/**
 * Builds the default droplet image from the Dockerfile inside this binary (`POST /build`).
 * @throws ApiError 924 with the engine's words
 */
export async function buildOwnImage(docker: DockerClient, progress: Progress): Promise<void> {
  const context = createTar([{ name: 'Dockerfile', data: dockerfile, attrs: { mode: '644', uid: 0, gid: 0 } }])
  const query = { t: OWN_IMAGE, rm: '1', forcerm: '1' }
  const lines = docker.lines({ method: 'POST', path: '/build', query, tar: context, timeoutMs: LONGEST_SILENCE_MS })
  await follow(lines, `${OWN_IMAGE} cannot be built`, progress)
}

async function pull(docker: DockerClient, image: string, progress: Progress): Promise<void> {
  // Without a tag the engine would pull every tag there is.
  const fromImage = /(:[^/]+|@[^/]+)$/.test(image) ? image : `${image}:latest`
  const query = { fromImage }
  const lines = docker.lines({ method: 'POST', path: '/images/create', query, timeoutMs: LONGEST_SILENCE_MS })
  await follow(lines, `${image} cannot be pulled`, progress)
}

async function hasImage(docker: DockerClient, image: string): Promise<boolean> {
  try {
    await docker.request({ method: 'GET', path: `/images/${image}/json`, timeoutMs: 2_500 })
    return true
  } catch (error) {
    if (!(error instanceof DockerRefusal)) throw error
    if (error.status === 404) return false
    throw new ApiError('engineUnavailable', { cause: error })
  }
}

/** Both streams report a failure in a line of its own, after the status 200 has long been sent. */
async function follow(lines: AsyncIterable<unknown>, failure: string, progress: Progress): Promise<void> {
  try {
    for await (const line of lines) {
      const said = line as { stream?: unknown; status?: unknown; id?: unknown; error?: unknown } | null
      if (typeof said?.error === 'string') throw unavailable(`${failure}: ${said.error}`)
      if (typeof said?.stream === 'string') progress(said.stream.trimEnd())
      else if (typeof said?.status === 'string') {
        progress(typeof said.id === 'string' ? `${said.id}: ${said.status}` : said.status)
      }
    }
  } catch (error) {
    if (error instanceof DockerRefusal) throw unavailable(`${failure}: ${error.message}`)
    throw error
  }
}

function unavailable(reason: string): ApiError {
  return new ApiError('imageUnavailable', { text: `The droplet image is not available: ${reason}` })
}
