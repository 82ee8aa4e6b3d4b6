import type { Tally } from './tally.ts'

/** Where all the load goes, and where what came of it is noted. */
export interface Target {
  /** With the `/api/v1`. */
  url: string
  tally: Tally
}

export interface SoakRequest {
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
  clientAddress?: string
  /** The error ids that may be answered; 200 for a success. */
  expectedOutcomes: number[]
}

const TIMEOUT_MS = 30_000

/** One request and its answer. @returns the body of a success, undefined for all else */
export async function sendRequest({ url, tally }: Target, request: SoakRequest): Promise<unknown> {
  const { kind, method, path, token, json, headers, clientAddress, expectedOutcomes } = request
  const body = json === undefined ? request.body : JSON.stringify(json)
  const start = performance.now()
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(clientAddress && { 'x-forwarded-for': clientAddress }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
    const responseBody = (await response.json()) as { errorId?: number }
    tally.recordTime(kind, performance.now() - start)
    const outcome = response.ok ? response.status : (responseBody.errorId ?? -1)
    if (!expectedOutcomes.includes(outcome))
      tally.recordProblem(`${kind}: ${response.status} ${JSON.stringify(responseBody).slice(0, 200)}`)
    return response.ok ? responseBody : undefined
  } catch (error) {
    tally.recordProblem(`${kind}: ${error}`)
    return undefined
  }
}

/** One of these by chance. */
export function pickRandom<T>(choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(Math.random() * choices.length)] ?? choices[0]
}
