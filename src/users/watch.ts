import type { User } from '../store/users.ts'

export interface UserChange {
  change: 'added' | 'changed' | 'removed'
  /** As it is now, or was last. */
  user: User
}

/**
 * Tells what became of the users since the last look, whoever changed them: this process, or a command on the host.
 * @param list the same list as long as nothing was committed
 */
export function createUserWatch(list: () => readonly User[], tell: (change: UserChange) => void) {
  let known = list()

  return {
    look(): void {
      const present = list()
      if (present === known) return
      const before = new Map(known.map(user => [user.id, user]))
      const after = new Set(present.map(({ id }) => id))
      const gone = known.filter(({ id }) => !after.has(id))
      known = present
      // First who went: the name may be somebody else's now.
      for (const user of gone) tell({ change: 'removed', user })
      for (const user of present) {
        const earlier = before.get(user.id)
        if (!earlier) tell({ change: 'added', user })
        else if (!Bun.deepEquals(earlier, user)) tell({ change: 'changed', user })
      }
    },
  }
}
