import { expect, test } from 'bun:test'
import { createSessionClient } from '../../../src/api/client/session-client.ts'

const MARGIN_MS = 30_000
const inAnHour = () => Date.now() + 3_600_000

class Unauthorized extends Error {}

/** A session in memory; `stored` is what another tab or process would see. */
function createFixture(accessExpiresAt: number) {
  let stored = { accessToken: 'token-0', accessExpiresAt }
  let renewals = 0
  const client = createSessionClient(
    {
      current: () => stored,
      reload: () => stored,
      renew: async () => {
        stored = { accessToken: `token-${++renewals}`, accessExpiresAt: inAnHour() }
        return stored
      },
      withLock: work => work(),
      isUnauthorized: error => error instanceof Unauthorized,
    },
    MARGIN_MS,
  )
  const replace = (accessToken: string) => {
    stored = { accessToken, accessExpiresAt: inAnHour() }
  }
  return { client, replace, renewals: () => renewals }
}

/** A request that the server rejects for these tokens. */
function requestRejecting(...rejected: string[]) {
  const used: string[] = []
  const request = async ({ accessToken }: { accessToken: string }) => {
    used.push(accessToken)
    if (rejected.includes(accessToken)) throw new Unauthorized()
    return accessToken
  }
  return { used, request }
}

test('uses the stored token as long as it is valid', async () => {
  const { client, renewals } = createFixture(inAnHour())
  expect(await client.withSession(requestRejecting().request)).toBe('token-0')
  expect(renewals()).toBe(0)
})

test('renews a token that is about to expire', async () => {
  const { client } = createFixture(Date.now() + MARGIN_MS)
  expect(await client.withSession(requestRejecting().request)).toBe('token-1')
})

test('renews a rejected token and repeats the request once', async () => {
  const { client } = createFixture(inAnHour())
  const { request, used } = requestRejecting('token-0')
  expect(await client.withSession(request)).toBe('token-1')
  expect(used).toEqual(['token-0', 'token-1'])
})

test('gives up when the renewed token is rejected too', async () => {
  for (const expiresAt of [inAnHour(), 0]) {
    const { client, renewals } = createFixture(expiresAt)
    const { request } = requestRejecting('token-0', 'token-1')
    await expect(client.withSession(request)).rejects.toThrow(Unauthorized)
    expect(renewals()).toBe(1)
  }
})

test('does not repeat a request that failed for another reason', async () => {
  const { client, renewals } = createFixture(inAnHour())
  const failed = client.withSession(async () => {
    throw new Error('no such droplet')
  })
  await expect(failed).rejects.toThrow('no such droplet')
  expect(renewals()).toBe(0)
})

test('takes over a token that another tab has renewed', async () => {
  const { client, replace, renewals } = createFixture(inAnHour())
  const { request, used } = requestRejecting('token-0')
  const result = client.withSession(async session => {
    replace('other-tab')
    return await request(session)
  })
  expect(await result).toBe('other-tab')
  expect({ used, renewals: renewals() }).toEqual({ used: ['token-0', 'other-tab'], renewals: 0 })
})

test('renews once for concurrent requests', async () => {
  const { client, renewals } = createFixture(0)
  const { request } = requestRejecting()
  expect(await Promise.all([1, 2, 3].map(() => client.withSession(request)))).toEqual(Array(3).fill('token-1'))
  expect(renewals()).toBe(1)
})
