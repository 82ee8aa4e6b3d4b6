import { expect, test } from 'bun:test'
import { treaty } from '@elysiajs/eden'
import { Elysia } from 'elysia'
import { createGuard } from '../../src/api/http/guards.ts'
import type { App } from '../../src/app.ts'
import { createTestApi } from '../testkit/api/test-api.ts'

// The compiler checks these functions; they are never called.

test('typed clients can send only what the schemas allow', () => {
  const { user, droplet, operation } = treaty<App>('http://localhost').api.v1
  const allowed = [
    () => droplet.add.post({ ssh_keys: ['ssh-ed25519 AAAA'] }),
    () => droplet.add.post({ access_token: 'token' }),
    () => droplet.add.post(),
    () => droplet.stop({ droplet: 'cikit01' }).patch(),
    () => user.auth.post({ username: 'ada', code: 123456 }),
    () => user.add.post({ username: 'ada', group: 'viewer' }),
    () => operation.list.get({ query: { limit: '10' } }),
  ]
  const rejected = [
    // @ts-expect-error: no such field
    () => droplet.add.post({ nonsense: 1 }),
    // @ts-expect-error: a key is text
    () => droplet.add.post({ ssh_keys: [1] }),
    // @ts-expect-error: a code is text or a number
    () => user.auth.post({ username: 'ada', code: true }),
    // @ts-expect-error: the code is missing
    () => user.auth.post({ username: 'ada' }),
    // @ts-expect-error: no such group
    () => user.add.post({ username: 'ada', group: 'admin' }),
    // @ts-expect-error: no such parameter
    () => operation.list.get({ query: { nonsense: '1' } }),
  ]
  expect([allowed.length, rejected.length]).toEqual([7, 6])
})

test('typed clients know the responses, also of lists without run-time validation', () => {
  const { user, droplet, operation } = treaty<App>('http://localhost').api.v1
  const responses = [
    async () => (await droplet.list.get()).data?.[0]?.ports,
    async () => (await user.list.get()).data?.[0]?.group,
    async () => (await operation.list.get()).data?.[0]?.steps,
    // @ts-expect-error: no such field
    async () => (await droplet.list.get()).data?.[0]?.nonsense,
    // @ts-expect-error: no such field
    async () => (await user.list.get()).data?.[0]?.nonsense,
  ]
  expect(responses).toHaveLength(5)
})

test('a handler gets a user only under a guard, and cannot grant access', async () => {
  await using api = await createTestApi()
  new Elysia()
    .use(createGuard(api.context.auth))
    .get('/guarded', ({ user, actor, client }) => [user.username, actor.action, client.agent], { group: 'viewer' })
    // @ts-expect-error: an open route has no user
    .get('/open', ({ user }) => user, { open: true })
    // @ts-expect-error: a route without a guard has no user
    .get('/unguarded', ({ user }) => user)
    // @ts-expect-error: the access decision is not in the context
    .get('/granting', ({ access }) => access.allowAnonymous(), { open: true })
    // @ts-expect-error: no such group
    .get('/mistyped', () => '', { group: 'admin' })
  expect.assertions(0)
})
