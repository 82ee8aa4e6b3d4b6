import type { HTTPHeaders } from 'elysia'

/**
 * The text of what is told to many as it is: made once, for as long as the same value is told. `afterHandle` is the hook
 * of the route that tells it; what was not kept goes its usual way.
 */
export function createJsonCache<T extends object>() {
  const cachedJson = new WeakMap<object, string>()
  return {
    remember(value: T): T {
      cachedJson.set(value, JSON.stringify(value))
      return value
    },

    respond({ responseValue, set }: { responseValue: unknown; set: { headers: HTTPHeaders } }): string | undefined {
      const json =
        typeof responseValue === 'object' && responseValue !== null ? cachedJson.get(responseValue) : undefined
      if (json !== undefined) set.headers['content-type'] = 'application/json'
      return json
    },
  }
}
