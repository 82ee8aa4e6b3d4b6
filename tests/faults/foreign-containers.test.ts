import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { createEngineProxy } from '../testkit/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { sendLiteralPath } from '../testkit/e2e/literal-path-request.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// The server touches nothing on the host but droplets. A proxy records every request to the engine.

/** Containers of others, some with a name similar to a droplet's. */
const foreignContainers = ['bystander', 'cikit00', 'cikit100', 'mycikit05', 'cikit05-backup', 'CIKIT05', 'cikit05.old']
const LIST_REQUEST = 'GET /containers/json'

let engine: TestEngine
let proxy: ReturnType<typeof createEngineProxy>
let server: ServerProcess
let token: string
/** The complete inspection of the foreign containers before the tests. */
let initialInspection: string
let foreignIds: string[]

const docker = async (...args: string[]) => (await run(['docker', '-H', `unix://${engine.socket}`, ...args])).trim()
const inspectForeign = () => docker('inspect', ...foreignContainers)
const idOf = (name: string) => docker('inspect', '-f', '{{.Id}}', name)
/** Recorded requests, without the API version and the query. */
const allRequests = () => proxy.requests.map(({ method, path }) => `${method} ${path.replace(/^\/v1\.\d+|\?.*$/g, '')}`)
/** Requests that the server sends on its own: availability of the engine, health of droplets. */
const backgroundRequest =
  /^(GET \/(version|events|(containers|exec)\/ID\/json)|POST \/(containers\/ID\/exec|exec\/ID\/start))$/
const clientRequests = () => allRequests().filter(line => !backgroundRequest.test(line.replace(/[0-9a-f]{64}/, 'ID')))
const inspectRequests = () => allRequests().filter(line => /^GET \/containers\/[0-9a-f]{64}\/json$/.test(line))

/** Expects that no request mentions a foreign container, and that they are unchanged. */
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

/** Literal path segments. */
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

/** Ways to refer to each foreign container. */
function foreignNames(): string[] {
  return foreignContainers.flatMap((name, index) => {
    const id = foreignIds[index] ?? ''
    const encoded = [...name].map(character => `%${character.charCodeAt(0).toString(16)}`).join('')
    return [name, `/${name}`, `%2f${name}`, encoded, id, id.slice(0, 12), id.slice(0, 12).toUpperCase(), id.slice(0, 2)]
  })
}

describe.each(changes)('%s /droplet/%s', (method, action) => {
  test('with an invalid name is rejected without a request to the engine', async () => {
    const names = [...hostileNames, ...foreignNames()]
    expect(names).toHaveLength(hostileNames.length + 8 * foreignContainers.length)
    proxy.requests.length = 0
    for (const name of names) {
      const { status } = await sendLiteralPath(server.url, method, `/api/v1/droplet/${action}/${name}`, token)
      // 505 is the response to spaces or control characters in the path, which HTTP does not allow.
      const rejected = [400, 404, 505].includes(status)
      expect({ name, status, rejected, requests: clientRequests() }).toEqual({
        ...{ name, status, rejected: true },
        requests: [],
      })
    }
    expect(inspectRequests()).toEqual([])
    await expectForeignUntouched()
  })

  test('of a droplet that does not exist only lists', async () => {
    proxy.requests.length = 0
    const { status, body } = await sendLiteralPath(server.url, method, `/api/v1/droplet/${action}/cikit05`, token)
    expect({ status, body: JSON.parse(body) }).toMatchObject({ status: 400, body: { errorId: 900 } })
    expect(clientRequests()).toEqual([LIST_REQUEST])
    expect(inspectRequests()).toEqual([])
    await expectForeignUntouched()
  })
})

test('a complete droplet life cycle and a failed add do not mention foreign containers', async () => {
  proxy.requests.length = 0
  // Number 01 fails: its port belongs to a foreign container.
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

test('events of foreign containers cause no requests, and neither does a start on a host full of them', async () => {
  proxy.requests.length = 0
  await docker('pause', ...foreignContainers)
  await docker('unpause', ...foreignContainers)
  await docker('create', '--name', 'cikit06', SMALL_IMAGE)
  // The event of this droplet follows all the others.
  const isListed = async () => (await server.callDroplets('GET', 'list', token)).some(({ name }) => name === 'cikit06')
  expect(await pollUntil(5_000, isListed)).toBe(true)
  await using _secondServer = await startServerProcess({ socket: proxy.socket })
  expect(await pollUntil(5_000, () => clientRequests().length > 0 && inspectRequests().length > 1)).toBe(true)
  expect(clientRequests()).toEqual([LIST_REQUEST])
  expect(inspectRequests()).toContain(`GET /containers/${await idOf('cikit06')}/json`)
  await expectForeignUntouched()
  await docker('rm', 'cikit06')
})

test('query parameters of a client do not reach the engine', async () => {
  await docker('run', '-d', '--name', 'cikit05', SMALL_IMAGE)
  const droplet = await idOf('cikit05')
  const path = '/api/v1/droplet/stop/cikit05?t=0&signal=KILL&force=1&all=bystander'
  proxy.requests.length = 0
  expect((await sendLiteralPath(server.url, 'PATCH', path, token)).status).toBe(200)
  expect(clientRequests()).toEqual([LIST_REQUEST, `POST /containers/${droplet}/stop`])
  expect(new Set(inspectRequests())).toEqual(new Set([`GET /containers/${droplet}/json`]))
  expect(proxy.requests.map(request => request.path).join()).not.toMatch(/signal|force|bystander|[?&]t=/)
})
