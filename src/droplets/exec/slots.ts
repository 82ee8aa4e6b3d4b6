import { ApiError } from '../../core/errors.ts'

/** Each slot stands for a process on the host and a connection to the engine. */
const MAX_SLOTS_PER_USER = 20

export type ConnectionSlots = ReturnType<typeof createConnectionSlots>

/** Limits how many commands, terminals and followed logs a user has open in total. */
export function createConnectionSlots() {
  /** Keyed by user id. */
  const usedByUser = new Map<string, number>()

  return {
    /**
     * Takes a slot, which is released when disposed of.
     * @throws ApiError 938 when the user has 20
     */
    acquire(userId: string): Disposable {
      const count = usedByUser.get(userId) ?? 0
      if (count >= MAX_SLOTS_PER_USER) throw new ApiError('tooManyCommands')
      usedByUser.set(userId, count + 1)
      let isHeld = true
      return {
        [Symbol.dispose]() {
          if (!isHeld) return
          isHeld = false
          const remaining = (usedByUser.get(userId) ?? 0) - 1
          if (remaining > 0) usedByUser.set(userId, remaining)
          else usedByUser.delete(userId)
        },
      }
    },
  }
}
