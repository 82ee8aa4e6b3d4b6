import { ApiError } from '../../core/errors.ts'
import type { DockerApiError } from './response-body.ts'

/** The newest Engine API that this client supports. Older engines are used with their own version. */
const MAX_API_VERSION = '1.51'

/**
 * The newest API version that engine and client share (`GET /version`: `ApiVersion`, `MinAPIVersion`).
 * @throws ApiError 923 if there is none
 */
export function chooseApiVersion(response: unknown): string {
  const versions = response as { ApiVersion?: unknown; MinAPIVersion?: unknown } | undefined
  const newest = versions?.ApiVersion
  const oldest = versions?.MinAPIVersion ?? '1.12'
  if (!isApiVersion(newest) || !isApiVersion(oldest)) throw new Error('The response to /version is not an engine’s')
  if (compareVersions(oldest, MAX_API_VERSION) > 0) {
    throw new ApiError('engineUnfit', {
      text: `The container engine requires API ${oldest} or newer, but this program supports up to ${MAX_API_VERSION}: update cikit-api`,
    })
  }
  return compareVersions(newest, MAX_API_VERSION) < 0 ? newest : MAX_API_VERSION
}

function isApiVersion(value: unknown): value is string {
  return typeof value === 'string' && /^\d+\.\d+$/.test(value)
}

function compareVersions(left: string, right: string): number {
  const [leftMajor = 0, leftMinor = 0] = left.split('.').map(Number)
  const [rightMajor = 0, rightMinor = 0] = right.split('.').map(Number)
  return leftMajor - rightMajor || leftMinor - rightMinor
}

/** Whether the engine rejected our version of the API. */
export function isVersionMismatch(error: DockerApiError): boolean {
  return error.status === 400 && /client version .* is too (old|new)/.test(error.message)
}
