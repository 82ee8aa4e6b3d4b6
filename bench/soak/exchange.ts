import type { Tally } from './tally.ts'

/** Where all the load goes, and where what came of it is noted. */
export interface Target {
  /** With the `/api/v1`. */
  url: string
  tally: Tally
}

export interface Asked {
  /** What it is counted under. */
  kind: string
  method: string
  path: string
  token?: string | undefined
  json?: unknown
  /** Sent as it is. */
  body?: string
  headers?: Record<string, string>
  /** The address that the trusted proxy names. */
  from?: string
  /** The error ids that may be answered; 200 for a success. */
  expected: number[]
}

const LIMIT_MS = 30_000

/** One request and its answer. @returns the body of a success, undefined for all else */
export async function exchange({ url, tally }: Target, asked: Asked): Promise<unknown> {
  const { kind, method, path, token, json, headers, from, expected } = asked
  const body = json === undefined ? asked.body : JSON.stringify(json)
  const start = performance.now()
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(LIMIT_MS),
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(from && { 'x-forwarded-for': from }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
    const answer = (await response.json()) as { errorId?: number }
    tally.took(kind, performance.now() - start)
    const outcome = response.ok ? response.status : (answer.errorId ?? -1)
    if (!expected.includes(outcome))
      tally.complain(`${kind}: ${response.status} ${JSON.stringify(answer).slice(0, 200)}`)
    return response.ok ? answer : undefined
  } catch (error) {
    tally.complain(`${kind}: ${error}`)
    return undefined
  }
}

/** One of these by chance. */
export function pick<T>(choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(Math.random() * choices.length)] ?? choices[0]
}
