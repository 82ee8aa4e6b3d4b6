import type { Tally } from './tally.ts'

/** The server under load, and the tally of its responses. */
export interface Target {
  /** Includes `/api/v1`. */
  url: string
  tally: Tally
}

interface SoakRequest {
  /** The row of the report. */
  kind: string
  method: string
  path: string
  token?: string | undefined
  json?: unknown
  /** Sent verbatim. */
  body?: string
  headers?: Record<string, string>
  /** Sent as `X-Forwarded-For`, which the server trusts here. */
  clientAddress?: string
  /** Expected error ids; 200 for success. */
  expectedOutcomes: number[]
}

const TIMEOUT_MS = 30_000

/** Sends a request and records its outcome. @returns the body if it succeeded, otherwise undefined */
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

/** Picks one choice at random. */
export function pickRandom<T>(choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(Math.random() * choices.length)] ?? choices[0]
}
