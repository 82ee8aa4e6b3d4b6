import type { HTTPHeaders } from 'elysia'

/**
 * The text of what is told to many as it is: made once, for as long as the same value is told. `afterHandle` is the hook
 * of the route that tells it; what was not kept goes its usual way.
 */
export function createToldText<T extends object>() {
  const texts = new WeakMap<object, string>()
  return {
    keep(value: T): T {
      texts.set(value, JSON.stringify(value))
      return value
    },

    afterHandle({ responseValue, set }: { responseValue: unknown; set: { headers: HTTPHeaders } }): string | undefined {
      const text = typeof responseValue === 'object' && responseValue !== null ? texts.get(responseValue) : undefined
      if (text !== undefined) set.headers['content-type'] = 'application/json'
      return text
    },
  }
}
