import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../../testkit/api/test-api.ts'
import { eventually } from '../../testkit/droplets/informer.ts'
import { finishedExecution, printedOutput } from '../../testkit/droplets/memory-engine.ts'

/** The API with a manager and a running droplet. */
async function createExecHarness() {
  const api = await createTestApi({}, { 'public-url': 'https://matrix.example.com' })
  const { token } = await api.logInAs('manager')
  await api.call('POST', '/droplet/add', { token })
  const exec = (json: unknown) => api.call('POST', '/droplet/exec/cikit01', { token, json })
  const ticket = async (droplet = 'cikit01') =>
    ((await api.call('POST', `/droplet/ticket/${droplet}`, { token })).body as { ticket: string }).ticket
  return { api, token, exec, ticket, [Symbol.asyncDispose]: api[Symbol.asyncDispose] }
}

async function openTerminal(api: TestApi, protocols: string, headers: Record<string, string> = {}, path = 'cikit01') {
  const response = await api.app.handle(
    new Request(`http://localhost/api/v1/droplet/exec/${path}`, {
      headers: { host: 'localhost', upgrade: 'websocket', 'sec-websocket-protocol': protocols, ...headers },
    }),
  )
  const text = await response.text()
  return text === '' ? { errorId: undefined } : (JSON.parse(text) as { errorId: number })
}
const protocols = (ticket: string) => `cikit.exec.v1, ticket.${ticket}`

test('returns the result of a command', async () => {
  await using harness = await createExecHarness()
  harness.api.memoryEngine.programs.push(() => finishedExecution('out\n', 3))
  const { status, body } = await harness.exec({ command: ['ls', '-l'] })
  expect([status, body]).toEqual([200, { exit: 3, stdout: 'out\n', stderr: '', truncated: false }])
  expect(harness.api.memoryEngine.calls.at(-1)).toBe('execute cikit01: ls -l')
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
])('rejects the command %p', async json => {
  await using harness = await createExecHarness()
  const calls = harness.api.memoryEngine.calls.length
  expect(await harness.exec(json)).toMatchObject({ status: 400, body: { errorId: 917 } })
  expect(harness.api.memoryEngine.calls).toHaveLength(calls)
})

test('rejects commands for a stopped or unknown droplet', async () => {
  await using harness = await createExecHarness()
  await harness.api.call('PATCH', '/droplet/stop/cikit01', { token: harness.token })
  expect(await harness.exec({ command: ['ls'] })).toMatchObject({ status: 400, body: { errorId: 900 } })
  const { body } = await harness.api.call('POST', '/droplet/ticket/cikit42', { token: harness.token })
  expect(body).toMatchObject({ errorId: 900 })
})

test('kills a command after its timeout: 936', async () => {
  await using harness = await createExecHarness()
  const ended: string[] = []
  harness.api.memoryEngine.programs.push(() => ({
    ...finishedExecution(),
    output: (async function* () {
      await new Promise(() => undefined)
    })(),
    kill: async () => void ended.push('ended'),
  }))
  expect(await harness.exec({ command: ['sleep', '9'], timeout: 1 })).toMatchObject({
    status: 504,
    body: { errorId: 936 },
  })
  expect(ended).toEqual(['ended'])
})

test('returns at most a MiB of each output, and whether it is truncated', async () => {
  await using harness = await createExecHarness()
  harness.api.memoryEngine.programs.push(
    () => finishedExecution('x'.repeat(1024 * 1024)),
    () => finishedExecution('x'.repeat(1024 * 1024 + 1)),
  )
  const results = []
  for (let count = 0; count < 2; count++) {
    const { stdout, truncated } = (await harness.exec({ command: ['yes'] })).body as {
      stdout: string
      truncated: boolean
    }
    results.push([stdout.length, truncated])
  }
  expect(results).toEqual([
    [1024 * 1024, false],
    [1024 * 1024, true],
  ])
})

test('a user can run twenty commands at a time', async () => {
  await using harness = await createExecHarness()
  const end = new AbortController()
  for (let count = 0; count < 20; count++) {
    harness.api.memoryEngine.programs.push(() => ({ ...finishedExecution(), output: printedOutput([], end.signal) }))
  }
  const running = Array.from({ length: 20 }, () => harness.exec({ command: ['cat'] }))
  const startedCount = () => harness.api.memoryEngine.calls.filter(call => call === 'execute cikit01: cat').length
  await eventually(async () => startedCount() === 20)
  expect(await harness.exec({ command: ['cat'] })).toMatchObject({ status: 429, body: { errorId: 938 } })
  end.abort()
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  expect((await harness.exec({ command: ['cat'] })).status).toBe(200)
})

test('a ticket opens a terminal once', async () => {
  await using harness = await createExecHarness()
  const ticket = await harness.ticket()
  expect(ticket).toMatch(/^[0-9a-f]{64}$/)
  expect(await openTerminal(harness.api, protocols(ticket))).toEqual({ errorId: undefined })
  const shells = () => harness.api.memoryEngine.calls.filter(call => call.startsWith('execute cikit01: sh -c cd;'))
  expect(shells()).toHaveLength(1)
  expect(await openTerminal(harness.api, protocols(ticket))).toMatchObject({ errorId: 935 })
  expect(shells()).toHaveLength(1)
})

test('rejects pages of other sites without using up the ticket', async () => {
  await using harness = await createExecHarness()
  const ticket = await harness.ticket()
  for (const origin of [
    'https://evil.example',
    'null',
    'http://localhost:81',
    'https://matrix.example.com.evil.example',
  ]) {
    expect(await openTerminal(harness.api, protocols(ticket), { origin })).toMatchObject({ errorId: 937 })
  }
  expect(await openTerminal(harness.api, protocols(ticket), { origin: 'https://matrix.example.com' })).toEqual({
    errorId: undefined,
  })
  expect(await openTerminal(harness.api, protocols(await harness.ticket()), { origin: 'http://localhost' })).toEqual({
    errorId: undefined,
  })
})

test.each([
  ['no ticket', () => 'cikit.exec.v1'],
  ['an unknown ticket', () => protocols('0'.repeat(64))],
  ['a missing cikit.exec.v1 protocol', (ticket: string) => `ticket.${ticket}`],
])('rejects %s', async (_, protocolsFor) => {
  await using harness = await createExecHarness()
  expect(await openTerminal(harness.api, protocolsFor(await harness.ticket()))).toMatchObject({ errorId: 935 })
  expect(harness.api.context.terminals.count()).toBe(0)
})

test('a ticket is valid for one droplet, for 30 seconds, and while its user is a manager', async () => {
  await using harness = await createExecHarness()
  await harness.api.call('POST', '/droplet/add', { token: harness.token })
  expect(await openTerminal(harness.api, protocols(await harness.ticket()), {}, 'cikit02')).toMatchObject({
    errorId: 935,
  })
  const old = await harness.ticket()
  harness.api.clock.advance(30_000)
  expect(await openTerminal(harness.api, protocols(old))).toMatchObject({ errorId: 935 })
  const early = await harness.ticket()
  const owner = await harness.api.logInAs('owner')
  await harness.api.call('PATCH', '/user/group/manager', { token: owner.token, json: { group: 'viewer' } })
  expect(await openTerminal(harness.api, protocols(early))).toMatchObject({ errorId: 935 })
})

test('explains how to open a terminal to other requests', async () => {
  await using harness = await createExecHarness()
  const { body } = await harness.api.call('GET', '/droplet/exec/cikit01', { token: harness.token })
  expect(body).toMatchObject({ errorId: 917, error: expect.stringContaining('websocket') })
})

test.each(['columns=0', 'rows=1001', 'columns=a', 'columns=1.5', 'token=x', 'lines=3'])(
  'rejects the query %s',
  async query => {
    await using harness = await createExecHarness()
    expect(await openTerminal(harness.api, protocols(await harness.ticket()), {}, `cikit01?${query}`)).toMatchObject({
      errorId: 917,
    })
  },
)
