import { ApiError } from '../../core/errors.ts'
import type { IdempotencyKey } from '../../store/operations.ts'
import type { Fields } from './body.ts'

/**
 * The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): up to 255 visible characters, with or
 * without the quotes of a structured field.
 * @param requested kind and target of the change; together with the body they identify the request
 * @returns undefined without the header
 * @throws ApiError 917
 */
export function readIdempotencyKey(
  request: Request,
  userId: string,
  requested: string[],
  fields: Fields,
): IdempotencyKey | undefined {
  const header = request.headers.get('idempotency-key')
  if (header === null) return undefined
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new ApiError('malformed', { text: 'The Idempotency-Key must be 1 to 255 visible characters, without spaces' })
  }
  return { userId, key: sha256(key), fingerprint: fingerprintOf(requested, fields) }
}

/** Without the token, which may have been refreshed before a retry. */
function fingerprintOf(requested: string[], { access_token: _, ...fields }: Fields): Uint8Array {
  const entries = Object.entries(fields).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return sha256(JSON.stringify([requested, entries]))
}

function sha256(text: string): Uint8Array {
  return new Bun.CryptoHasher('sha256').update(text).digest()
}
