import type { Audit } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import { OperatorError } from '../../core/errors.ts'
import type { Group } from '../../core/groups.ts'
import type { Database } from '../../store/database.ts'
import type { RotatableSecretBox } from '../../store/rotatable-secret-box.ts'
import type { Account, UserStore } from '../../store/users.ts'
import { type Candidate, isCandidate, type RejectedUser } from './candidate.ts'

/** Result, or planned result, for a document. */
export interface ImportResult {
  position: number
  username: string | undefined
  group: Group | undefined
  /** `existing`: there is already a user with this name, group and secret. */
  outcome: 'new' | 'existing' | 'rejected'
  /** Reason and remedy of a rejection, or a deviation from the export. */
  remark: string
}

interface ExistingUser {
  account: Account
  secret: Uint8Array
}

/** Imports users of another system with their existing secrets. */
export function createUserImport(deps: {
  db: Database
  users: UserStore
  audit: Audit
  secretBox: RotatableSecretBox
  now: () => number
}) {
  const { db, users, audit, secretBox, now } = deps

  return {
    /** The results that `apply` would have, in the order of the documents. */
    plan: async (parsed: readonly (Candidate | RejectedUser)[]): Promise<ImportResult[]> =>
      planImport(parsed, await readExistingUsers(parsed)),

    /**
     * Imports all valid users in one transaction. Ambiguous ones (duplicate names, two owners) are all rejected.
     * @throws OperatorError when an affected user was changed during the import; then nothing is imported
     */
    async apply(actor: Actor, parsed: readonly (Candidate | RejectedUser)[]): Promise<ImportResult[]> {
      const existingUsers = await readExistingUsers(parsed)
      const accounts = new Map(await Promise.all(parsed.filter(isCandidate).map(toAccount)))
      return await db.write(() => {
        rejectChanged(parsed, existingUsers)
        const results = planImport(parsed, existingUsers)
        const newAccounts = results.flatMap(({ position, outcome }) =>
          outcome === 'new' ? (accounts.get(position) ?? []) : [],
        )
        for (const account of newAccounts.sort((left, right) => left.createdAt - right.createdAt)) {
          secretBox.requireCurrent(account.encryptedSecret)
          users.insert(account)
          audit.record(actor, account.username)
        }
        return results
      })
    },
  }

  /** Existing users with one of these names, ignoring case, by lower-case name. */
  async function readExistingUsers(parsed: readonly (Candidate | RejectedUser)[]): Promise<Map<string, ExistingUser>> {
    const accounts = parsed.filter(isCandidate).flatMap(({ username }) => users.find(username) ?? [])
    const entries = accounts.map(async account => {
      const secret = await secretBox.decrypt(account.encryptedSecret, account.id)
      return [nameKey(account.username), { account, secret }] as const
    })
    return new Map(await Promise.all(entries))
  }

  function rejectChanged(
    parsed: readonly (Candidate | RejectedUser)[],
    existingUsers: ReadonlyMap<string, ExistingUser>,
  ): void {
    for (const { username } of parsed.filter(isCandidate)) {
      if (Bun.deepEquals(users.find(username), existingUsers.get(nameKey(username))?.account)) continue
      throw new OperatorError(`The user ${username} was changed during the import: nothing was imported, run it again`)
    }
  }

  async function toAccount({ position, username, group, secret, createdAt }: Candidate): Promise<[number, Account]> {
    const id = crypto.randomUUID()
    const encryptedSecret = await secretBox.encrypt(secret.reveal(), id)
    return [position, { id, username, group, encryptedSecret, createdAt: createdAt ?? now() }]
  }

  function planImport(
    parsed: readonly (Candidate | RejectedUser)[],
    existingUsers: ReadonlyMap<string, ExistingUser>,
  ): ImportResult[] {
    const owner = users.list().find(({ group }) => group === 'owner')?.username
    const candidates = parsed.filter(isCandidate)
    const byName = Map.groupBy(candidates, ({ username }) => nameKey(username))
    const owners = candidates.filter(({ group }) => group === 'owner')
    return parsed.map(entry => {
      const { position, username, group } = entry
      const reject = (remark: string): ImportResult => ({ position, username, group, outcome: 'rejected', remark })
      if (!isCandidate(entry)) return reject(entry.reason)
      const duplicates = byName.get(nameKey(entry.username))?.filter(other => other !== entry) ?? []
      if (duplicates.length > 0)
        return reject(`the same name as ${formatPositions(duplicates)}, ignoring case: keep one of them`)
      const existing = existingUsers.get(nameKey(entry.username))
      if (existing) {
        const remark = describeConflict(existing, entry)
        return remark ? reject(remark) : { position, username, group, outcome: 'existing', remark: '' }
      }
      if (entry.group === 'owner') {
        const others = owners.filter(other => other !== entry)
        if (others.length > 0)
          return reject(`an owner like ${formatPositions(others)}: make all but one of them managers`)
        if (owner)
          return reject(`the owner here is ${owner}: make this one a manager in the export, and hand over later`)
      }
      const remark = entry.createdAt === undefined ? 'creation date set to now, since the export has no valid one' : ''
      return { position, username, group, outcome: 'new', remark }
    })
  }
}

/** The difference from the existing user; undefined if there is none. */
function describeConflict(
  { account, secret }: ExistingUser,
  { username, group, ...candidate }: Candidate,
): string | undefined {
  const unchangedNote = 'the existing user stays unchanged'
  if (account.username !== username)
    return `there is already a user ${account.username}, and names must differ in more than case`
  if (account.group !== group) return `already a user here, in the group ${account.group}: ${unchangedNote}`
  if (!Buffer.from(secret).equals(candidate.secret.reveal()))
    return `already a user here, with another secret: ${unchangedNote}`
  return undefined
}

function formatPositions(entries: readonly { position: number }[]): string {
  return entries.map(({ position }) => position).join(' and ')
}

/** Usernames are ASCII. */
function nameKey(username: string): string {
  return username.toLowerCase()
}
