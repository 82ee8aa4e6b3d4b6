import { ApiError } from '../../core/errors.ts'

// Checks of the shape of Docker's responses. An unexpected one means that the engine is broken (918).

export function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unexpected('something other than an object')
  return { ...value }
}

/** Untrusted text, or an empty string if it does not match. */
export function matchOrEmpty(shape: RegExp, value: unknown): string {
  return typeof value === 'string' && shape.test(value) ? value : ''
}

export function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

export function asString(value: unknown): string {
  if (typeof value !== 'string') throw unexpected('something other than a string')
  return value
}

export function unexpected(description: string): ApiError {
  return new ApiError('engineUnavailable', { cause: new Error(`The engine answered ${description}`) })
}

/** RFC 3339 with nanoseconds; the zero time of Go means never. */
export function parseTime(value: unknown): number | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(asString(value))
  const seconds = match ? Date.parse(`${match[1]}${match[3]}`) : Number.NaN
  if (Number.isNaN(seconds)) throw unexpected('an invalid time')
  // Fractions of a millisecond matter: they decide which of two droplets is newer.
  return value === '0001-01-01T00:00:00Z' ? undefined : seconds + Number(match?.[2] ?? 0) * 1000
}
