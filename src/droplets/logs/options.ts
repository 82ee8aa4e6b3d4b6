import { ApiError } from '../../core/errors.ts'

const MAX_LINES = 10_000
const DEFAULT_LINES = 100
const sources = ['journal', 'console'] as const

/** What is wanted of what a droplet says. */
export interface LogOptions {
  source: (typeof sources)[number]
  /** So many of the last ones. */
  lines: number
  /** And what comes after them. */
  follow: boolean
}

/** @throws ApiError 917 */
export function parseLogQuery(query: Record<string, string | undefined>): LogOptions {
  const { source = 'journal', lines = String(DEFAULT_LINES), follow = 'false', ...unknownParameters } = query
  const knownSource = sources.find(name => name === source)
  if (Object.keys(unknownParameters).length > 0) throw malformed('Logs take source, lines and follow')
  if (!knownSource) throw malformed('"source" is journal or console')
  if (!/^\d{1,5}$/.test(lines) || Number(lines) > MAX_LINES) throw malformed(`"lines" is 0 to ${MAX_LINES}`)
  if (follow !== 'true' && follow !== 'false') throw malformed('"follow" is true or false')
  return { source: knownSource, lines: Number(lines), follow: follow === 'true' }
}

function malformed(text: string): ApiError {
  return new ApiError('malformed', { text })
}
