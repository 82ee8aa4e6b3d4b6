import { expect, test } from 'bun:test'
import { createTestApi } from '../../testkit/api/test-api.ts'
import { finishedExecution, printedOutput } from '../../testkit/droplets/memory-engine.ts'

/** The API with a viewer and a running droplet with this journal. */
async function createLogHarness(...journal: string[]) {
  const api = await createTestApi()
  const manager = await api.logInAs('manager')
  const { token } = await api.logInAs('viewer')
  await api.call('POST', '/droplet/add', { token: manager.token })
  const ended: string[] = []
  api.memoryEngine.programs.push(() => ({
    ...finishedExecution(),
    output: printedOutput(journal),
    kill: async () => void ended.push('ended'),
  }))
  const read = async (query = '') => {
    const headers = { authorization: `Bearer ${token}` }
    return await api.app.handle(new Request(`http://localhost/api/v1/droplet/logs/cikit01${query}`, { headers }))
  }
  return { api, token, manager, read, ended, [Symbol.asyncDispose]: api[Symbol.asyncDispose] }
}

const errorIdOf = async (response: Response) => ((await response.json()) as { errorId: number }).errorId

test('returns the journal as text, without the marker line', async () => {
  await using harness = await createLogHarness('\none\n', 'two \u001b[31m<b>\n')
  const response = await harness.read('?lines=20')
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
  expect(await response.text()).toBe('one\ntwo \u001b[31m<b>\n')
  const [command = ''] = harness.api.memoryEngine.calls.slice(-1)
  expect(command).toStartWith('execute cikit01: sh -c command -v journalctl')
  expect(command).toEndWith('sh 20')
  // The program has ended by itself; nothing needs to be killed.
  expect(harness.ended).toEqual([])
})

test.each([[[]], [['sh: not found\n']]])('a droplet that prints %p has no journal', async journal => {
  await using harness = await createLogHarness(...journal)
  const response = await harness.read()
  expect([response.status, await errorIdOf(response)]).toEqual([409, 939])
  // A program with other output is killed.
  expect(harness.ended).toHaveLength(journal.length)
})

test('a stopped droplet has a console log and no journal', async () => {
  await using harness = await createLogHarness('\none\n')
  await harness.api.call('PATCH', '/droplet/stop/cikit01', { token: harness.manager.token })
  expect(await (await harness.read('?source=console&lines=5')).text()).toBe('booted\n')
  expect(harness.api.memoryEngine.calls.at(-1)).toBe('console cikit01 5')
  expect((await harness.read()).status).toBe(400)
})

test('following ends with the session and kills the program', async () => {
  await using harness = await createLogHarness('\n')
  harness.api.memoryEngine.programs.splice(0)
  harness.api.memoryEngine.programs.push(() => ({
    ...finishedExecution(),
    output: printedOutput(['\none\n'], new AbortController().signal),
    kill: async () => void harness.ended.push('ended'),
  }))
  const response = await harness.read('?follow=true')
  const text = response.text()
  await harness.api.call('DELETE', '/user/session/current', { token: harness.token })
  harness.api.context.logs.checkSessions()
  expect(await text).toBe('one\n')
  expect(harness.ended).toEqual(['ended'])
})

test('a user can read twenty logs at a time', async () => {
  await using harness = await createLogHarness('\n')
  const query = '?source=console&follow=true'
  const responses = await Promise.all(Array.from({ length: 20 }, () => harness.read(query)))
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  expect(await errorIdOf(await harness.read(query))).toBe(938)
  await responses[0]?.body?.cancel()
  expect((await harness.read(query)).status).toBe(200)
})

test.each(['source=disk', 'lines=-1', 'lines=10001', 'lines=a', 'follow=1', 'since=now'])(
  'rejects the query %s',
  async query => {
    await using harness = await createLogHarness()
    const response = await harness.read(`?${query}`)
    expect([response.status, await errorIdOf(response)]).toEqual([400, 917])
  },
)
