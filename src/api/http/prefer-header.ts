export interface Preferences {
  /** Not to wait for the end of what is asked for. */
  respondAsync: boolean
  /** How long it would wait all the same. */
  waitSeconds: number
}

const MAX_WAIT_SECONDS = 60

/**
 * The header `Prefer` (RFC 7240): `respond-async` and `wait=SECONDS`, of which the first of each counts. What is not
 * understood is ignored, as section 2 has it.
 */
export function readPreferences(header: string | null): Preferences {
  const preferences = new Map<string, string>()
  for (const part of header?.split(',') ?? []) {
    const [, name = '', value = ''] = /^\s*([\w-]+)\s*(?:=\s*"?([\w-]*)"?\s*)?(?:;.*)?$/.exec(part) ?? []
    if (!preferences.has(name.toLowerCase())) preferences.set(name.toLowerCase(), value)
  }
  const wait = preferences.get('wait') ?? ''
  return {
    respondAsync: preferences.has('respond-async'),
    waitSeconds: /^\d{1,9}$/.test(wait) ? Math.min(Number(wait), MAX_WAIT_SECONDS) : 0,
  }
}
