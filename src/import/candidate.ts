import { ApiError } from '../errors.ts'
import { escapeText, hideTokens } from '../log.ts'
import { Secret } from '../secret.ts'
import type { Group } from '../store/users.ts'
import { parseGroup, parseUsername } from '../users/username.ts'
import type { Found } from './documents.ts'
import { toMilliseconds } from './extended-json.ts'
import { decodeSecret, type Encoding } from './secret-text.ts'

/** RFC 4226 section 4, R6 recommends 160 bits; the original makes 256. */
const FEWEST_SECRET_BYTES = 20
/** More than any program makes. */
const MOST_SECRET_BYTES = 128
const LONGEST_TOLD = 64

/** A user that an export tells of, with all that is needed to take it. */
export interface Candidate {
  at: number
  username: string
  group: Group
  secret: Secret<Uint8Array<ArrayBuffer>>
  /** Milliseconds since 1970; undefined where the export says nothing that can be true. */
  createdAt: number | undefined
}

/** A document that cannot be a user here. The reason names the remedy, and tells nothing of what stands there but a name. */
export interface Unfit {
  at: number
  username: string | undefined
  group: Group | undefined
  reason: string
}

/**
 * Reads a document of the original's users: `username`, `group`, `secret` in the encoding of its `security.totp.type`,
 * and `created`. Whatever else there is (`_id`, `__v`) does not matter.
 * @param now milliseconds since 1970
 */
export function toCandidate({ at, document }: Found, encoding: Encoding, now: number): Candidate | Unfit {
  const { username, group, secret, created } = document ?? {}
  const known = attempt(() => parseGroup(group))
  if (!document) return unfit('no JSON object: export it again, without --pretty or with --jsonArray')
  if (username === undefined && secret === undefined) return unfit('no user: export the collection users')
  const name = attempt(() => parseUsername(username))
  if (name instanceof ApiError) return unfit(`${name.message}: rename it in the export`)
  if (known instanceof ApiError) return unfit('its group is none of viewer, manager, owner: change it in the export')
  const bytes = decodeSecret(secret, encoding)
  const anew = `make it with a new one: cikit-api create-user -u ${name} -g ${known}`
  if (!bytes) return unfit(`its secret is not ${encoding}: give --encoding as security.totp.type was, or ${anew}`)
  if (bytes.length < FEWEST_SECRET_BYTES) return unfit(`its secret has fewer than 160 bits: ${anew}`)
  if (bytes.length > MOST_SECRET_BYTES) return unfit(`its secret has more than 1024 bits: ${anew}`)
  const time = toMilliseconds(created)
  const createdAt = time !== undefined && time >= 0 && time <= now ? time : undefined
  return { at, username: name, group: known, secret: new Secret(bytes), createdAt }

  function unfit(reason: string): Unfit {
    const told = typeof username === 'string' ? escapeText(hideTokens(username).slice(0, LONGEST_TOLD)) : undefined
    return { at, username: told, group: known instanceof ApiError ? undefined : known, reason }
  }
}

export function isFit(read: Candidate | Unfit): read is Candidate {
  return 'secret' in read
}

function attempt<T>(parse: () => T): T | ApiError {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
}
