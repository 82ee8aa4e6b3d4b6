import type { Act, Audit } from '../audit/service.ts'
import { OperatorError } from '../errors.ts'
import type { Database } from '../store/database.ts'
import type { KeptSealer } from '../store/sealing-key.ts'
import type { Account, Group, UserStore } from '../store/users.ts'
import { type Candidate, isFit, type Unfit } from './candidate.ts'

/** What became of a document, or would. */
export interface Verdict {
  at: number
  username: string | undefined
  group: Group | undefined
  /** `there`: a user with this name, group and secret exists already. */
  outcome: 'taken' | 'there' | 'refused'
  /** Why it was refused, and what to do; or what was taken otherwise than it stands there. */
  remark: string
}

/** A user that exists, with its secret. */
interface Present {
  account: Account
  secret: Uint8Array
}

export type UserImport = ReturnType<typeof createUserImport>

/** Users of another system, with the secrets that they have already. */
export function createUserImport(deps: {
  db: Database
  users: UserStore
  audit: Audit
  sealer: KeptSealer
  now: () => number
}) {
  const { db, users, audit, sealer, now } = deps

  return {
    /** What `take` would do. The verdicts are in the order of the documents. */
    judge: async (read: readonly (Candidate | Unfit)[]): Promise<Verdict[]> => judge(read, await readPresent(read)),

    /**
     * Takes the users that can be taken, in one transaction: all that the verdicts say is so, or nothing. What is not
     * clear (a name twice, two owners) is not taken at all, whichever comes first.
     * @throws OperatorError when a user that it concerns was changed meanwhile
     */
    async take(act: Act, read: readonly (Candidate | Unfit)[]): Promise<Verdict[]> {
      const present = await readPresent(read)
      const accounts = new Map(await Promise.all(read.filter(isFit).map(toAccount)))
      return await db.write(() => {
        refuseChanged(read, present)
        const verdicts = judge(read, present)
        const taken = verdicts.flatMap(({ at, outcome }) => (outcome === 'taken' ? (accounts.get(at) ?? []) : []))
        for (const account of taken.sort((left, right) => left.createdAt - right.createdAt)) {
          sealer.requireCurrent(account.sealedSecret)
          users.insert(account)
          audit.record(act, account.username)
        }
        return verdicts
      })
    },
  }

  /** The users who have one of these names, in any case, by the name in lower case. */
  async function readPresent(read: readonly (Candidate | Unfit)[]): Promise<Map<string, Present>> {
    const accounts = read.filter(isFit).flatMap(({ username }) => users.find(username) ?? [])
    const entries = accounts.map(async account => {
      const secret = await sealer.open(account.sealedSecret, account.id)
      return [nameKey(account.username), { account, secret }] as const
    })
    return new Map(await Promise.all(entries))
  }

  function refuseChanged(read: readonly (Candidate | Unfit)[], present: ReadonlyMap<string, Present>): void {
    for (const { username } of read.filter(isFit)) {
      if (Bun.deepEquals(users.find(username), present.get(nameKey(username))?.account)) continue
      throw new OperatorError(`The user ${username} was changed meanwhile: run it again, nothing was taken`)
    }
  }

  async function toAccount({ at, username, group, secret, createdAt }: Candidate): Promise<[number, Account]> {
    const id = crypto.randomUUID()
    const sealedSecret = await sealer.seal(secret.reveal(), id)
    return [at, { id, username, group, sealedSecret, createdAt: createdAt ?? now() }]
  }

  function judge(read: readonly (Candidate | Unfit)[], present: ReadonlyMap<string, Present>): Verdict[] {
    const owner = users.list().find(({ group }) => group === 'owner')?.username
    const fit = read.filter(isFit)
    const byName = Map.groupBy(fit, ({ username }) => nameKey(username))
    const owners = fit.filter(({ group }) => group === 'owner')
    return read.map(one => {
      const { at, username, group } = one
      const refused = (remark: string): Verdict => ({ at, username, group, outcome: 'refused', remark })
      if (!isFit(one)) return refused(one.reason)
      const twins = byName.get(nameKey(one.username))?.filter(other => other !== one) ?? []
      if (twins.length > 0) return refused(`the same name as ${places(twins)}, ignoring case: leave one of them`)
      const existing = present.get(nameKey(one.username))
      if (existing) {
        const remark = differenceFrom(existing, one)
        return remark ? refused(remark) : { at, username, group, outcome: 'there', remark: '' }
      }
      if (one.group === 'owner') {
        const others = owners.filter(other => other !== one)
        if (others.length > 0) return refused(`an owner like ${places(others)}: make all but one of them managers`)
        if (owner) return refused(`the owner here is ${owner}: make it a manager in the export, and hand over later`)
      }
      const remark = one.createdAt === undefined ? 'created now, as the export has no date that can be true' : ''
      return { at, username, group, outcome: 'taken', remark }
    })
  }
}

/** Why this is not the user that exists, if it is not. */
function differenceFrom({ account, secret }: Present, { username, group, ...one }: Candidate): string | undefined {
  const kept = 'that one stays as it is'
  if (account.username !== username) return `there is a user ${account.username}, and names differ in more than case`
  if (account.group !== group) return `a user here, in the group ${account.group}: ${kept}`
  if (!Buffer.from(secret).equals(one.secret.reveal())) return `a user here, with another secret: ${kept}`
  return undefined
}

function places(found: readonly { at: number }[]): string {
  return found.map(({ at }) => at).join(' and ')
}

/** Names are ASCII. */
function nameKey(username: string): string {
  return username.toLowerCase()
}
