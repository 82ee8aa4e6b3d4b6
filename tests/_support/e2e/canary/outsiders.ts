import { checkAnswer } from '../../openapi.ts'
import { type Misplaced, misplacedIn } from './misplaced.ts'
import type { World } from './world.ts'

/** Beside the API, and open to all. */
const routes = ['GET /health']

/** Asks them with secrets where these do not belong. @returns their answers */
export async function askOutsiders({ matrix, owner }: World, misplaced: Misplaced[]): Promise<string[]> {
  const answers: string[] = []
  for (const { path, headers = {} } of routes.flatMap(route =>
    misplaced.flatMap(one => misplacedIn(route, one, owner)),
  )) {
    const response = await fetch(new URL(path, matrix.url), { headers })
    const text = await response.text()
    checkAnswer({ method: 'GET', path, status: response.status, headers: response.headers, text })
    answers.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`)
  }
  answers.push(await scrape(matrix))
  return answers
}

/** What Prometheus is told. */
export async function scrape({ log }: World['matrix']): Promise<string> {
  const listening = log.find(({ message }) => message === 'metrics listening')
  return await (await fetch(String(listening?.address))).text()
}
