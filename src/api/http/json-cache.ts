import type { HTTPHeaders } from 'elysia'

/**
 * Caches a value's JSON, so that it is serialised once and not per request. `respond` is the route's `afterHandle` hook;
 * values that were not remembered are serialised as usual.
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
