import type { Enrolment, Matrix } from '../tests/_support/e2e/matrix.ts'

/** A code of an authenticator app is for so long. */
export const STEP_MS = 30_000

export interface Person extends Pick<Enrolment, 'username' | 'secret'> {
  refreshToken: string
}

/** New users with what their authenticator apps know. */
export async function enrol(matrix: Matrix, owner: string, count: number): Promise<Person[]> {
  const people: Person[] = []
  while (people.length < count) {
    const username = `person${people.length}`
    await succeed(matrix, 'POST', '/user/add', owner, { username, group: 'viewer' })
    const { secret } = await succeed(matrix, 'GET', `/user/auth/setup/${username}`, owner)
    people.push({ username, secret: secret ?? '', refreshToken: '' })
  }
  return people
}

/** @throws Error for every other answer than 200 */
export async function succeed(matrix: Matrix, method: string, path: string, token?: string, json?: unknown) {
  const { status, body } = await matrix.call(method, path, token, json)
  if (status !== 200) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`)
  return body as Partial<Record<'secret' | 'refresh_token', string>>
}

/** Waits for the next time step, unless the present one lasts for so long. */
export async function stepLasts(ms: number): Promise<void> {
  const left = STEP_MS - (Date.now() % STEP_MS)
  if (left < ms) await Bun.sleep(left + 50)
}
