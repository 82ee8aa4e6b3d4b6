import { expect, test } from 'bun:test'
import { IDLE_TIMEOUT_SECONDS } from '../../../src/api/http/idle-timeout.ts'
import { createApp } from '../../../src/app.ts'
import { createTestApi } from '../../testkit/api/test-api.ts'

/** The idle timeouts, in seconds, set during a request. */
async function timeoutsDuring(method: string, path: string, token?: string): Promise<number[]> {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const app = createApp(api.context)
  const timeouts: number[] = []
  using server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: app.fetch })
  app.server = new Proxy(server, {
    get(target, name) {
      if (name === 'timeout') return (_: Request, seconds: number) => timeouts.push(seconds)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const headers: Record<string, string> = token === 'owner' ? { authorization: `Bearer ${owner.token}` } : {}
  await (await fetch(`${server.url}api/v1${path}`, { method, headers })).text()
  return timeouts
}

test('a change of a droplet lifts the idle timeout until its end', async () => {
  expect(await timeoutsDuring('POST', '/droplet/add', 'owner')).toEqual([0, IDLE_TIMEOUT_SECONDS])
})

test('a failed change restores the idle timeout', async () => {
  expect(await timeoutsDuring('PATCH', '/droplet/stop/cikit07', 'owner')).toEqual([0, IDLE_TIMEOUT_SECONDS])
})

test('requests without permission do not lift the idle timeout', async () => {
  expect(await timeoutsDuring('POST', '/droplet/add')).toEqual([])
  expect(await timeoutsDuring('GET', '/droplet/list')).toEqual([])
})
