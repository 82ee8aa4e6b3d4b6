// MongoDB Extended JSON: v1 (strict), and v2 (relaxed and canonical), for values that JSON has no type for
// (https://github.com/mongodb/specifications, extended-json).

/** A date as milliseconds since 1970: `{"$date": ISO 8601 | milliseconds | {"$numberLong": "…"}}`; undefined for anything else. */
export function toMilliseconds(value: unknown): number | undefined {
  const date = soleField(value, '$date')
  const time = typeof date === 'string' ? parseIso(date) : (toInteger(date) ?? Number.NaN)
  return Number.isSafeInteger(time) ? time : undefined
}

/** An integer: plain, or `{"$numberLong": "…"}` and similar. */
function toInteger(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  for (const kind of ['$numberLong', '$numberInt', '$numberDouble']) {
    const text = soleField(value, kind)
    if (typeof text === 'string' && /^-?\d{1,16}(\.0)?$/.test(text)) return Number(text)
  }
  return undefined
}

/** Requires a zone; accepts `+0000`, as written by older tools. */
function parseIso(text: string): number {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)$/.exec(text)
  return parts ? Date.parse(`${parts[1]}${parts[2]?.replace(/(\d\d)(\d\d)$/, '$1:$2')}`) : Number.NaN
}

/** The value of an object's only field, if it has this name. */
function soleField(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  const [entry, ...others] = Object.entries(value)
  return entry?.[0] === name && others.length === 0 ? entry[1] : undefined
}
