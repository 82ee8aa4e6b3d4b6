import { ApiError } from './errors.ts'

export const USERNAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export const USERNAME_RULE =
  'A username has 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-", and starts with a letter or digit'

/** @throws ApiError 917 */
export function parseUsername(value: unknown): string {
  if (typeof value === 'string' && USERNAME_PATTERN.test(value)) return value
  throw new ApiError('malformed', { text: USERNAME_RULE })
}
