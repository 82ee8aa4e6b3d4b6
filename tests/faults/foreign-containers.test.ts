import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { createEngineProxy } from '../testkit/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { sendLiteralPath } from '../testkit/e2e/literal-path-request.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// Nothing on the host but droplets is touched, as seen at the engine's socket: every request that it gets is recorded.

/** Containers of others; some are called almost like a droplet. */
const foreignContainers = ['bystander', 'cikit00', 'cikit100', 'mycikit05', 'cikit05-backup', 'CIKIT05', 'cikit05.old']
const LIST_REQUEST = 'GET /containers/json'

let engine: TestEngine
let proxy: ReturnType<typeof createEngineProxy>
let server: ServerProcess
let token: string
/** What the engine tells of the foreign containers, every word of it. */
let initialInspection: string
let foreignIds: string[]

const docker = async (...args: string[]) => (await run(['docker', '-H', `unix://${engine.socket}`, ...args])).trim()
const inspectForeign = () => docker('inspect', ...foreignContainers)
const idOf = (name: string) => docker('inspect', '-f', '{{.Id}}', name)
/** What the engine was asked for, without the version and the query. */
const allRequests = () => proxy.requests.map(({ method, path }) => `${method} ${path.replace(/^\/v1\.\d+|\?.*$/g, '')}`)
/** What is asked at any moment, nobody having asked us: whether the engine is there, and how a droplet is. */
const backgroundRequest =
  /^(GET \/(version|events|(containers|exec)\/ID\/json)|POST \/(containers\/ID\/exec|exec\/ID\/start))$/
const clientRequests = () => allRequests().filter(line => !backgroundRequest.test(line.replace(/[0-9a-f]{64}/, 'ID')))
const inspectRequests = () => allRequests().filter(line => /^GET \/containers\/[0-9a-f]{64}\/json$/.test(line))

/** Of all that the engine heard, not a word is about the containers of others, and nothing became of them. */
async function expectForeignUntouched(): Promise<void> {
  const traffic = proxy.requests
    .map(({ path, bytes }) => decodeURIComponent(path) + bytes.toString('latin1'))
    .join('\n')
  for (const id of foreignIds) expect(traffic).not.toContain(id.slice(0, 12))
  for (const name of foreignContainers) expect(traffic).not.toMatch(new RegExp(`[/"=]${name}["/?&]`))
  expect(await inspectForeign()).toBe(initialInspection)
}

beforeAll(async () => {
  engine = await startEngine('host')
  proxy = createEngineProxy(engine.socket)
  server = await startServerProcess({ socket: proxy.socket, flags: ['--image', SMALL_IMAGE] })
  token = await server.logInAs('manager')
  await Promise.all(foreignContainers.slice(1).map(name => docker('run', '-d', '--name', name, SMALL_IMAGE)))
  await docker('run', '-d', '--name', 'bystander', '-p', '2201:22', SMALL_IMAGE)
  foreignIds = (await docker('inspect', '-f', '{{.Id}}', ...foreignContainers)).split('\n')
  initialInspection = await inspectForeign()
  expect(await server.callDroplets('GET', 'list', token)).toEqual([])
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

const changes = [
  ['PATCH', 'start'],
  ['PATCH', 'stop'],
  ['PATCH', 'restart'],
  ['DELETE', 'delete'],
] as const

/** To the letter, as they stand in the path. */
const hostileNames = [
  ...['..', '.', '%2e%2e', '..%2f..%2fversion', '../../version', '..%2fbystander', 'cikit05/../bystander'],
  ...['../bystander', '%2e%2e/%2e%2e/containers/bystander', 'bystander/stop', 'cikit05%2f..%2fbystander'],
  ...['..\\bystander', 'cikit05%3Fforce=1', 'cikit05#', 'cikit05%23', 'cikit05%00', 'cikit05\0', 'cikit05%0a'],
  ...['cikit05%0d%0aX-Evil:%201', 'cikit05\n', '%20cikit05', 'cikit05%20', 'cikit05 ', '%', '%zz', '%ff', '\xff'],
  ...['%2563ikit05', 'cikit05%2f', 'cikit05//', '//cikit05', ';reboot', 'cikit05;reboot', '$(id)', '`id`', '|id'],
  ...['--help', '-f', '{{7*7}}', '(a+)+$', '.*', 'cikit..', 'cikit[0-9]{2}', '*', 'cikit*', 'CIKIT05', 'Cikit05'],
  ...['cikit5', 'cikit005', 'cikit-5', 'cikit+5', 'cikit0x', 'cikit5e', 'cikit٠٥', 'cikit%D9%A0%D9%A5', 'ｃikit05'],
  ...['cikit05\u202e', 'cikit', '05', '', '__proto__', 'constructor', 'null', 'a'.repeat(8_000)],
]

/** How each foreign container could be called. */
function foreignNames(): string[] {
  return foreignContainers.flatMap((name, index) => {
    const id = foreignIds[index] ?? ''
    const encoded = [...name].map(character => `%${character.charCodeAt(0).toString(16)}`).join('')
    return [name, `/${name}`, `%2f${name}`, encoded, id, id.slice(0, 12), id.slice(0, 12).toUpperCase(), id.slice(0, 2)]
  })
}

describe.each(changes)('%s /droplet/%s', (method, action) => {
  test('of what is no droplet’s name is refused without a word to the engine', async () => {
    const names = [...hostileNames, ...foreignNames()]
    expect(names).toHaveLength(hostileNames.length + 8 * foreignContainers.length)
    proxy.requests.length = 0
    for (const name of names) {
      const { status } = await sendLiteralPath(server.url, method, `/api/v1/droplet/${action}/${name}`, token)
      // 505 is of a path with a space or a control character in it, which is no HTTP.
      const refused = [400, 404, 505].includes(status)
      expect({ name, status, refused, asked: clientRequests() }).toEqual({ name, status, refused: true, asked: [] })
    }
    expect(inspectRequests()).toEqual([])
    await expectForeignUntouched()
  })

  test('of a droplet that is not there only lists', async () => {
    proxy.requests.length = 0
    const { status, body } = await sendLiteralPath(server.url, method, `/api/v1/droplet/${action}/cikit05`, token)
    expect({ status, body: JSON.parse(body) }).toMatchObject({ status: 400, body: { errorId: 900 } })
    expect(clientRequests()).toEqual([LIST_REQUEST])
    expect(inspectRequests()).toEqual([])
    await expectForeignUntouched()
  })
})

test('the life of a droplet, and of an add that fails, names no container of others', async () => {
  proxy.requests.length = 0
  // The number 01 is tried and given up: its port belongs to a bystander.
  expect(await server.callDroplets('POST', 'add', token)).toMatchObject([{ name: 'cikit02' }])
  const droplet = await idOf('cikit02')
  const removal = clientRequests().find(line => line.startsWith('DELETE'))
  expect(removal).toMatch(/^DELETE \/containers\/[0-9a-f]{64}$/)
  for (const action of ['stop', 'start', 'restart']) await server.callDroplets('PATCH', `${action}/cikit02`, token)
  expect(await server.callDroplets('DELETE', 'delete/cikit02', token)).toEqual([])
  expect(clientRequests()).toContain(`DELETE /containers/${droplet}`)
  expect(inspectRequests()).toContain(`GET /containers/${droplet}/json`)
  await expectForeignUntouched()
})

test('what happens to the containers of others is asked about by nobody, and the start on a host full of them neither', async () => {
  proxy.requests.length = 0
  await docker('pause', ...foreignContainers)
  await docker('unpause', ...foreignContainers)
  await docker('create', '--name', 'cikit06', SMALL_IMAGE)
  // Told later than all of that.
  const isListed = async () => (await server.callDroplets('GET', 'list', token)).some(({ name }) => name === 'cikit06')
  expect(await pollUntil(5_000, isListed)).toBe(true)
  await using _secondServer = await startServerProcess({ socket: proxy.socket })
  expect(await pollUntil(5_000, () => clientRequests().length > 0 && inspectRequests().length > 1)).toBe(true)
  expect(clientRequests()).toEqual([LIST_REQUEST])
  expect(inspectRequests()).toContain(`GET /containers/${await idOf('cikit06')}/json`)
  await expectForeignUntouched()
  await docker('rm', 'cikit06')
})

test('what else a client writes into the address does not reach the engine', async () => {
  await docker('run', '-d', '--name', 'cikit05', SMALL_IMAGE)
  const droplet = await idOf('cikit05')
  const path = '/api/v1/droplet/stop/cikit05?t=0&signal=KILL&force=1&all=bystander'
  proxy.requests.length = 0
  expect((await sendLiteralPath(server.url, 'PATCH', path, token)).status).toBe(200)
  expect(clientRequests()).toEqual([LIST_REQUEST, `POST /containers/${droplet}/stop`])
  expect(new Set(inspectRequests())).toEqual(new Set([`GET /containers/${droplet}/json`]))
  expect(proxy.requests.map(request => request.path).join()).not.toMatch(/signal|force|bystander|[?&]t=/)
})
