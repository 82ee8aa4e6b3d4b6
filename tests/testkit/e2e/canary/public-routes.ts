import { validateExchange } from '../../api/openapi-contract.ts'
import type { CanaryInstance } from './canary-instance.ts'
import { type MisplacedSecret, requestsWithSecret } from './misplaced-secrets.ts'

/** Public routes outside the API. */
const publicRoutes = ['GET /health']

/** Sends misplaced secrets to the public routes. @returns the responses */
export async function requestPublicRoutes(
  { server, ownerToken }: CanaryInstance,
  secrets: MisplacedSecret[],
): Promise<string[]> {
  const responses: string[] = []
  for (const { path, headers = {} } of publicRoutes.flatMap(route =>
    secrets.flatMap(secret => requestsWithSecret(route, secret, ownerToken)),
  )) {
    const response = await fetch(new URL(path, server.url), { headers })
    const text = await response.text()
    validateExchange({ method: 'GET', path, status: response.status, headers: response.headers, text })
    responses.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`)
  }
  responses.push(await scrapeMetrics(server))
  return responses
}

/** Reads the metrics. */
export async function scrapeMetrics({ log }: CanaryInstance['server']): Promise<string> {
  const listeningEntry = log.find(({ message }) => message === 'metrics listening')
  return await (await fetch(String(listeningEntry?.address))).text()
}
