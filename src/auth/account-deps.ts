import type { Audit } from '../audit/service.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Database } from '../store/database.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { RotatableSecretBox } from '../store/rotatable-secret-box.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { UserStore } from '../store/users.ts'
import type { Throttle } from './throttle.ts'

/** Dependencies of all services that create or change accounts and their secrets. */
export interface AccountDeps {
  db: Database
  users: UserStore
  sessions: SessionStore
  enrolments: EnrolmentStore
  throttle: Throttle
  audit: Audit
  secretBox: RotatableSecretBox
  random: RandomBytes
  /** Host name shown in authenticator apps. */
  hostLabel: string
}
