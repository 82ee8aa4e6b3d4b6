import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../_support/api.ts'
import { eventually } from '../_support/live.ts'
import { finished, printing } from '../_support/memory-engine.ts'

/** The API with a manager, and a droplet that runs. */
async function createHouse() {
  const api = await createTestApi({}, { 'public-url': 'https://matrix.example.com' })
  const { token } = await api.signedIn('manager')
  await api.call('POST', '/droplet/add', { token })
  const exec = (json: unknown) => api.call('POST', '/droplet/exec/cikit01', { token, json })
  const ticket = async (droplet = 'cikit01') =>
    ((await api.call('POST', `/droplet/ticket/${droplet}`, { token })).body as { ticket: string }).ticket
  return { api, token, exec, ticket, [Symbol.asyncDispose]: api[Symbol.asyncDispose] }
}

async function open(api: TestApi, protocols: string, headers: Record<string, string> = {}, path = 'cikit01') {
  const response = await api.app.handle(
    new Request(`http://localhost/api/v1/droplet/exec/${path}`, {
      headers: { host: 'localhost', upgrade: 'websocket', 'sec-websocket-protocol': protocols, ...headers },
    }),
  )
  const text = await response.text()
  return text === '' ? { errorId: undefined } : (JSON.parse(text) as { errorId: number })
}
const protocols = (ticket: string) => `cikit.exec.v1, ticket.${ticket}`

test('a command comes back with what became of it', async () => {
  await using house = await createHouse()
  house.api.memory.programs.push(() => finished('out\n', 3))
  const { status, body } = await house.exec({ command: ['ls', '-l'] })
  expect([status, body]).toEqual([200, { exit: 3, stdout: 'out\n', stderr: '', truncated: false }])
  expect(house.api.memory.calls.at(-1)).toBe('execute cikit01: ls -l')
})

test.each([
  [{}],
  [{ command: 'ls' }],
  [{ command: [] }],
  [{ command: [''] }],
  [{ command: ['ls', 1] }],
  [{ command: ['a\0b'] }],
  [{ command: Array.from({ length: 257 }, () => 'x') }],
  [{ command: ['ls'], timeout: 0 }],
  [{ command: ['ls'], timeout: 601 }],
  [{ command: ['ls'], timeout: 1.5 }],
  [{ command: ['ls'], timeout: '10' }],
])('%p is no command', async json => {
  await using house = await createHouse()
  const calls = house.api.memory.calls.length
  expect(await house.exec(json)).toMatchObject({ status: 400, body: { errorId: 917 } })
  expect(house.api.memory.calls).toHaveLength(calls)
})

test('nothing runs in a droplet that does not, or is not there', async () => {
  await using house = await createHouse()
  await house.api.call('PATCH', '/droplet/stop/cikit01', { token: house.token })
  expect(await house.exec({ command: ['ls'] })).toMatchObject({ status: 400, body: { errorId: 900 } })
  const { body } = await house.api.call('POST', '/droplet/ticket/cikit42', { token: house.token })
  expect(body).toMatchObject({ errorId: 900 })
})

test('a command that does not end in time is ended, with an error of its own', async () => {
  await using house = await createHouse()
  const ended: string[] = []
  house.api.memory.programs.push(() => ({
    ...finished(),
    output: (async function* () {
      await new Promise(() => undefined)
    })(),
    end: async () => void ended.push('ended'),
  }))
  expect(await house.exec({ command: ['sleep', '9'], timeout: 1 })).toMatchObject({
    status: 504,
    body: { errorId: 936 },
  })
  expect(ended).toEqual(['ended'])
})

test('of each output a MiB comes back, and whether that is all', async () => {
  await using house = await createHouse()
  house.api.memory.programs.push(
    () => finished('x'.repeat(1024 * 1024)),
    () => finished('x'.repeat(1024 * 1024 + 1)),
  )
  const told = []
  for (let count = 0; count < 2; count++) {
    const { stdout, truncated } = (await house.exec({ command: ['yes'] })).body as {
      stdout: string
      truncated: boolean
    }
    told.push([stdout.length, truncated])
  }
  expect(told).toEqual([
    [1024 * 1024, false],
    [1024 * 1024, true],
  ])
})

test('a user has twenty commands at a time', async () => {
  await using house = await createHouse()
  const end = new AbortController()
  for (let count = 0; count < 20; count++) {
    house.api.memory.programs.push(() => ({ ...finished(), output: printing([], end.signal) }))
  }
  const running = Array.from({ length: 20 }, () => house.exec({ command: ['cat'] }))
  const begun = () => house.api.memory.calls.filter(call => call === 'execute cikit01: cat').length
  await eventually(async () => begun() === 20)
  expect(await house.exec({ command: ['cat'] })).toMatchObject({ status: 429, body: { errorId: 938 } })
  end.abort()
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  expect((await house.exec({ command: ['cat'] })).status).toBe(200)
})

test('a ticket opens a terminal once', async () => {
  await using house = await createHouse()
  const ticket = await house.ticket()
  expect(ticket).toMatch(/^[0-9a-f]{64}$/)
  expect(await open(house.api, protocols(ticket))).toEqual({ errorId: undefined })
  const shells = () => house.api.memory.calls.filter(call => call.startsWith('execute cikit01: sh -c cd;'))
  expect(shells()).toHaveLength(1)
  expect(await open(house.api, protocols(ticket))).toMatchObject({ errorId: 935 })
  expect(shells()).toHaveLength(1)
})

test('a page of another site opens nothing, and does not use the ticket up', async () => {
  await using house = await createHouse()
  const ticket = await house.ticket()
  for (const origin of [
    'https://evil.example',
    'null',
    'http://localhost:81',
    'https://matrix.example.com.evil.example',
  ]) {
    expect(await open(house.api, protocols(ticket), { origin })).toMatchObject({ errorId: 937 })
  }
  expect(await open(house.api, protocols(ticket), { origin: 'https://matrix.example.com' })).toEqual({
    errorId: undefined,
  })
  expect(await open(house.api, protocols(await house.ticket()), { origin: 'http://localhost' })).toEqual({
    errorId: undefined,
  })
})

test.each([
  ['none at all', () => 'cikit.exec.v1'],
  ['one that nobody made', () => protocols('0'.repeat(64))],
  ['no protocol that is known', (ticket: string) => `ticket.${ticket}`],
])('%s is no ticket', async (_, of) => {
  await using house = await createHouse()
  expect(await open(house.api, of(await house.ticket()))).toMatchObject({ errorId: 935 })
  expect(house.api.context.terminals.count()).toBe(0)
})

test('a ticket is for one droplet, half a minute, and as long as its user is a manager', async () => {
  await using house = await createHouse()
  await house.api.call('POST', '/droplet/add', { token: house.token })
  expect(await open(house.api, protocols(await house.ticket()), {}, 'cikit02')).toMatchObject({ errorId: 935 })
  const old = await house.ticket()
  house.api.clock.move(30_000)
  expect(await open(house.api, protocols(old))).toMatchObject({ errorId: 935 })
  const early = await house.ticket()
  const owner = await house.api.signedIn('owner')
  await house.api.call('PATCH', '/user/group/manager', { token: owner.token, json: { group: 'viewer' } })
  expect(await open(house.api, protocols(early))).toMatchObject({ errorId: 935 })
})

test('who opens no websocket is told how to', async () => {
  await using house = await createHouse()
  const { body } = await house.api.call('GET', '/droplet/exec/cikit01', { token: house.token })
  expect(body).toMatchObject({ errorId: 917, error: expect.stringContaining('websocket') })
})

test.each(['columns=0', 'rows=1001', 'columns=a', 'columns=1.5', 'token=x', 'lines=3'])(
  'the size %s is none',
  async query => {
    await using house = await createHouse()
    expect(await open(house.api, protocols(await house.ticket()), {}, `cikit01?${query}`)).toMatchObject({
      errorId: 917,
    })
  },
)
