import type { Group } from '../core/groups.ts'
import { Secret } from '../core/secret.ts'
import type { User } from '../store/users.ts'
import { provisioningUri, toBase32 } from './totp.ts'

/** A TOTP secret, ready to be entered into an authenticator app. */
export interface Enrolment {
  username: string
  group: Group
  /** Base32. */
  secret: Secret
  otpauthUrl: Secret
}

/** @param hostLabel host name shown in authenticator apps */
export function toEnrolment(user: User, secret: Uint8Array<ArrayBuffer>, hostLabel: string): Enrolment {
  const { username, group } = user
  return {
    username,
    group,
    secret: new Secret(toBase32(secret)),
    otpauthUrl: new Secret(provisioningUri(secret, username, hostLabel)),
  }
}
