import { expect, test } from 'bun:test'
import { createTestApi } from '../_support/api.ts'
import { finished, printing } from '../_support/memory-engine.ts'

/** The API with a viewer, and a droplet that runs and says this by its journal. */
async function createHouse(...journal: string[]) {
  const api = await createTestApi()
  const manager = await api.signedIn('manager')
  const { token } = await api.signedIn('viewer')
  await api.call('POST', '/droplet/add', { token: manager.token })
  const ended: string[] = []
  api.memory.programs.push(() => ({
    ...finished(),
    output: printing(journal),
    end: async () => void ended.push('ended'),
  }))
  const read = async (query = '') => {
    const headers = { authorization: `Bearer ${token}` }
    return await api.app.handle(new Request(`http://localhost/api/v1/droplet/logs/cikit01${query}`, { headers }))
  }
  return { api, token, manager, read, ended, [Symbol.asyncDispose]: api[Symbol.asyncDispose] }
}

const errorIdOf = async (response: Response) => ((await response.json()) as { errorId: number }).errorId

test('the journal comes as text, without the line by which it is known', async () => {
  await using house = await createHouse('\none\n', 'two \u001b[31m<b>\n')
  const response = await house.read('?lines=20')
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
  expect(await response.text()).toBe('one\ntwo \u001b[31m<b>\n')
  const [asked = ''] = house.api.memory.calls.slice(-1)
  expect(asked).toStartWith('execute cikit01: sh -c command -v journalctl')
  expect(asked).toEndWith('sh 20')
  // It has ended by itself: nobody looks in the droplet for what is left.
  expect(house.ended).toEqual([])
})

test.each([[[]], [['sh: not found\n']]])('a droplet that says %p has no journal', async journal => {
  await using house = await createHouse(...journal)
  const response = await house.read()
  expect([response.status, await errorIdOf(response)]).toEqual([409, 939])
  // What says something else goes on until it is ended.
  expect(house.ended).toHaveLength(journal.length)
})

test('of a stopped one there is the console, and no journal', async () => {
  await using house = await createHouse('\none\n')
  await house.api.call('PATCH', '/droplet/stop/cikit01', { token: house.manager.token })
  expect(await (await house.read('?source=console&lines=5')).text()).toBe('booted\n')
  expect(house.api.memory.calls.at(-1)).toBe('console cikit01 5')
  expect((await house.read()).status).toBe(400)
})

test('what is followed ends with the session, and the program with it', async () => {
  await using house = await createHouse('\n')
  house.api.memory.programs.splice(0)
  house.api.memory.programs.push(() => ({
    ...finished(),
    output: printing(['\none\n'], new AbortController().signal),
    end: async () => void house.ended.push('ended'),
  }))
  const response = await house.read('?follow=true')
  const text = response.text()
  await house.api.call('DELETE', '/user/session/current', { token: house.token })
  house.api.context.logs.look()
  expect(await text).toBe('one\n')
  expect(house.ended).toEqual(['ended'])
})

test('a user reads twenty at a time, and one that is over makes room', async () => {
  await using house = await createHouse('\n')
  const query = '?source=console&follow=true'
  const open = await Promise.all(Array.from({ length: 20 }, () => house.read(query)))
  expect(open.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  expect(await errorIdOf(await house.read(query))).toBe(938)
  await open[0]?.body?.cancel()
  expect((await house.read(query)).status).toBe(200)
})

test.each(['source=disk', 'lines=-1', 'lines=10001', 'lines=a', 'follow=1', 'since=now'])(
  'the query %s is refused',
  async query => {
    await using house = await createHouse()
    const response = await house.read(`?${query}`)
    expect([response.status, await errorIdOf(response)]).toEqual([400, 917])
  },
)
