import { ApiError } from '../../core/errors.ts'
import { DropletGoneError } from '../../droplets/engine.ts'
import { DockerApiError } from './response-body.ts'

/** For commands, an error response means that the engine rejected it: 900, with the daemon's message. */
export async function asCommand<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DockerApiError)) throw error
    throw new ApiError('engineRefused', { text: `Error response from daemon: ${error.message}`, cause: error })
  }
}

/** For queries, an error response means that the engine is broken: 918. */
export async function asQuery<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DockerApiError)) throw error
    throw new ApiError('engineUnavailable', { cause: error })
  }
}

/** Like `asCommand`, for a droplet. Docker's message for a missing one would contain the internal id. */
export async function asDropletCommand<T>(work: () => Promise<T>): Promise<T> {
  return await asCommand(() =>
    work().catch(error => {
      throw isNotFound(error) ? new DropletGoneError(error) : error
    }),
  )
}

export function isNotFound(error: unknown): boolean {
  return error instanceof DockerApiError && error.status === 404
}
