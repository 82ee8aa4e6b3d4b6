import { ApiError } from '../errors.ts'

/** Each is a process on the host, and a connection to its engine. */
const PLACES_PER_USER = 20

export type Places = ReturnType<typeof createPlaces>

/** How many commands, terminals and followed logs each user has open, together. */
export function createPlaces() {
  /** By the id of a user. */
  const taken = new Map<string, number>()

  return {
    /**
     * Takes a place, until it is disposed of.
     * @throws ApiError 938 when the user has 20
     */
    take(userId: string): Disposable {
      const count = taken.get(userId) ?? 0
      if (count >= PLACES_PER_USER) throw new ApiError('tooManyCommands')
      taken.set(userId, count + 1)
      let isTaken = true
      return {
        [Symbol.dispose]() {
          if (!isTaken) return
          isTaken = false
          const left = (taken.get(userId) ?? 0) - 1
          if (left > 0) taken.set(userId, left)
          else taken.delete(userId)
        },
      }
    },
  }
}
