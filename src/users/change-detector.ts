import type { User } from '../store/users.ts'

export interface UserChange {
  change: 'added' | 'changed' | 'removed'
  /** The current state, or the last known state of a removed user. */
  user: User
}

/**
 * Reports changes of users since the previous poll, whether made by this process or by a command on the host.
 * @param list returns the same array as long as nothing was committed
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
      // Removed users first: a new user may have taken the name.
      for (const user of removed) report({ change: 'removed', user })
      for (const user of current) {
        const previousUser = previousById.get(user.id)
        if (!previousUser) report({ change: 'added', user })
        else if (!Bun.deepEquals(previousUser, user)) report({ change: 'changed', user })
      }
    },
  }
}
