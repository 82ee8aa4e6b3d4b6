import type { CreatedUser, ServerProcess } from '../tests/testkit/e2e/server-process.ts'

export interface EnrolledUser extends Pick<CreatedUser, 'username' | 'secret'> {
  refreshToken: string
}

/** Adds viewers and fetches their TOTP secrets. */
export async function enrolUsers(server: ServerProcess, ownerToken: string, count: number): Promise<EnrolledUser[]> {
  const users: EnrolledUser[] = []
  while (users.length < count) {
    const username = `user${users.length}`
    await callExpectingOk(server, 'POST', '/user/add', ownerToken, { username, group: 'viewer' })
    const { secret } = await callExpectingOk(server, 'GET', `/user/auth/setup/${username}`, ownerToken)
    users.push({ username, secret: secret ?? '', refreshToken: '' })
  }
  return users
}

/** @throws Error for any status other than 200 */
export async function callExpectingOk(
  server: ServerProcess,
  method: string,
  path: string,
  token?: string,
  json?: unknown,
) {
  const { status, body } = await server.call(method, path, token, json)
  if (status !== 200) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`)
  return body as Partial<Record<'secret' | 'refresh_token', string>>
}
