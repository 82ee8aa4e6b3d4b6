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
export function createUserChangeDetector(list: () => readonly User[], report: (change: UserChange) => void) {
  let previous = list()

  return {
    poll(): void {
      const current = list()
      if (current === previous) return
      const previousById = new Map(previous.map(user => [user.id, user]))
      const currentIds = new Set(current.map(({ id }) => id))
      const removed = previous.filter(({ id }) => !currentIds.has(id))
      previous = current
      // First who went: the name may be somebody else's now.
      for (const user of removed) report({ change: 'removed', user })
      for (const user of current) {
        const previousUser = previousById.get(user.id)
        if (!previousUser) report({ change: 'added', user })
        else if (!Bun.deepEquals(previousUser, user)) report({ change: 'changed', user })
      }
    },
  }
}
