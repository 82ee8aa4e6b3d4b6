import { ApiError } from '../../core/errors.ts'
import type { Group } from '../../core/groups.ts'
import { parseGroup } from '../../core/groups.ts'
import { escapeText, redactTokens } from '../../core/log.ts'
import { Secret } from '../../core/secret.ts'
import { parseUsername } from '../../core/username.ts'
import type { ExportedDocument } from './documents.ts'
import { toMilliseconds } from './extended-json.ts'
import { decodeSecret, type Encoding } from './secret-encoding.ts'

/** RFC 4226 section 4, R6 recommends 160 bits; the original uses 256. */
const MIN_SECRET_BYTES = 20
/** Larger than the secrets of any known program. */
const MAX_SECRET_BYTES = 128
const MAX_SHOWN_LENGTH = 64

/** A user of the export that can be imported. */
export interface Candidate {
  position: number
  username: string
  group: Group
  secret: Secret<Uint8Array<ArrayBuffer>>
  /** Milliseconds since 1970; undefined for a missing or impossible date. */
  createdAt: number | undefined
}

/** A document that cannot be imported. The reason names the remedy and quotes nothing but the username. */
export interface RejectedUser {
  position: number
  username: string | undefined
  group: Group | undefined
  reason: string
}

/**
 * Parses a user document of the original: `username`, `group`, `secret` in the encoding of its `security.totp.type`, and
 * `created`. Other fields (`_id`, `__v`) are ignored.
 * @param now milliseconds since 1970
 */
export function parseCandidate(
  { position, document }: ExportedDocument,
  encoding: Encoding,
  now: number,
): Candidate | RejectedUser {
  const { username, group, secret, created } = document ?? {}
  const parsedGroup = tryParse(() => parseGroup(group))
  if (!document) return reject('not a JSON object: export it again, without --pretty or with --jsonArray')
  if (username === undefined && secret === undefined) return reject('not a user: export the collection users')
  const parsedName = tryParse(() => parseUsername(username))
  if (parsedName instanceof ApiError) return reject(`${parsedName.message}: rename it in the export`)
  if (parsedGroup instanceof ApiError)
    return reject('its group is not viewer, manager or owner: change it in the export')
  const bytes = decodeSecret(secret, encoding)
  const recreateHint = `create it with a new one: cikit-api create-user -u ${parsedName} -g ${parsedGroup}`
  if (!bytes)
    return reject(
      `its secret is not ${encoding}: set --encoding to the original security.totp.type, or ${recreateHint}`,
    )
  if (bytes.length < MIN_SECRET_BYTES) return reject(`its secret has fewer than 160 bits: ${recreateHint}`)
  if (bytes.length > MAX_SECRET_BYTES) return reject(`its secret has more than 1024 bits: ${recreateHint}`)
  const createdMs = toMilliseconds(created)
  const createdAt = createdMs !== undefined && createdMs >= 0 && createdMs <= now ? createdMs : undefined
  return { position, username: parsedName, group: parsedGroup, secret: new Secret(bytes), createdAt }

  function reject(reason: string): RejectedUser {
    const shownName =
      typeof username === 'string' ? escapeText(redactTokens(username).slice(0, MAX_SHOWN_LENGTH)) : undefined
    return { position, username: shownName, group: parsedGroup instanceof ApiError ? undefined : parsedGroup, reason }
  }
}

export function isCandidate(parsed: Candidate | RejectedUser): parsed is Candidate {
  return 'secret' in parsed
}

function tryParse<T>(parse: () => T): T | ApiError {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
}
