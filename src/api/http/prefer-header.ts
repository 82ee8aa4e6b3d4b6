interface Preferences {
  /** Whether to respond before the change is complete. */
  respondAsync: boolean
  /** Time to wait for completion before such a response. */
  waitSeconds: number
}

const MAX_WAIT_SECONDS = 60

/**
 * The header `Prefer` (RFC 7240): `respond-async` and `wait=SECONDS`; the first of each counts. Other preferences are
 * ignored (section 2).
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
