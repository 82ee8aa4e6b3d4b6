import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { run, until } from '../../scripts/lib/run.ts'
import { createEngineProxy } from '../_support/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { rawRequest } from '../_support/e2e/raw-request.ts'

// Nothing on the host but droplets is touched, as seen at the engine's socket: every request that it gets is recorded.

/** Containers of others; some are called almost like a droplet. */
const foreign = ['bystander', 'cikit00', 'cikit100', 'mycikit05', 'cikit05-backup', 'CIKIT05', 'cikit05.old']
const LISTING = 'GET /containers/json'

let engine: TestEngine
let proxy: ReturnType<typeof createEngineProxy>
let matrix: Matrix
let token: string
/** What the engine tells of the foreign containers, every word of it. */
let untouched: string
let foreignIds: string[]

const docker = async (...words: string[]) => (await run(['docker', '-H', `unix://${engine.socket}`, ...words])).trim()
const inspect = () => docker('inspect', ...foreign)
const idOf = (name: string) => docker('inspect', '-f', '{{.Id}}', name)
/** What the engine was asked for, without the version and the query. */
const askedInAll = () => proxy.requests.map(({ method, path }) => `${method} ${path.replace(/^\/v1\.\d+|\?.*$/g, '')}`)
/** What is asked at any moment, nobody having asked us: whether the engine is there, and how a droplet is. */
const byItself = /^(GET \/(version|events|(containers|exec)\/ID\/json)|POST \/(containers\/ID\/exec|exec\/ID\/start))$/
const asked = () => askedInAll().filter(line => !byItself.test(line.replace(/[0-9a-f]{64}/, 'ID')))
const looks = () => askedInAll().filter(line => /^GET \/containers\/[0-9a-f]{64}\/json$/.test(line))

/** Of all that the engine heard, not a word is about the containers of others, and nothing became of them. */
async function expectForeignUntouched(): Promise<void> {
  const told = proxy.requests.map(({ path, bytes }) => decodeURIComponent(path) + bytes.toString('latin1')).join('\n')
  for (const id of foreignIds) expect(told).not.toContain(id.slice(0, 12))
  for (const name of foreign) expect(told).not.toMatch(new RegExp(`[/"=]${name}["/?&]`))
  expect(await inspect()).toBe(untouched)
}

beforeAll(async () => {
  engine = await startEngine('host')
  proxy = createEngineProxy(engine.socket)
  matrix = await startMatrix({ socket: proxy.socket, flags: ['--image', SMALL_IMAGE] })
  token = await matrix.signIn('manager')
  await Promise.all(foreign.slice(1).map(name => docker('run', '-d', '--name', name, SMALL_IMAGE)))
  await docker('run', '-d', '--name', 'bystander', '-p', '2201:22', SMALL_IMAGE)
  foreignIds = (await docker('inspect', '-f', '{{.Id}}', ...foreign)).split('\n')
  untouched = await inspect()
  expect(await matrix.droplets('GET', 'list', token)).toEqual([])
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})

const changes = [
  ['PATCH', 'start'],
  ['PATCH', 'stop'],
  ['PATCH', 'restart'],
  ['DELETE', 'delete'],
] as const

/** To the letter, as they stand in the path. */
const hostile = [
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
  return foreign.flatMap((name, at) => {
    const id = foreignIds[at] ?? ''
    const encoded = [...name].map(char => `%${char.charCodeAt(0).toString(16)}`).join('')
    return [name, `/${name}`, `%2f${name}`, encoded, id, id.slice(0, 12), id.slice(0, 12).toUpperCase(), id.slice(0, 2)]
  })
}

describe.each(changes)('%s /droplet/%s', (method, action) => {
  test('of what is no droplet’s name is refused without a word to the engine', async () => {
    const names = [...hostile, ...foreignNames()]
    expect(names).toHaveLength(hostile.length + 8 * foreign.length)
    proxy.requests.length = 0
    for (const name of names) {
      const { status } = await rawRequest(matrix.url, method, `/api/v1/droplet/${action}/${name}`, token)
      // 505 is of a path with a space or a control character in it, which is no HTTP.
      const refused = [400, 404, 505].includes(status)
      expect({ name, status, refused, asked: asked() }).toEqual({ name, status, refused: true, asked: [] })
    }
    expect(looks()).toEqual([])
    await expectForeignUntouched()
  })

  test('of a droplet that is not there only lists', async () => {
    proxy.requests.length = 0
    const { status, body } = await rawRequest(matrix.url, method, `/api/v1/droplet/${action}/cikit05`, token)
    expect({ status, body: JSON.parse(body) }).toMatchObject({ status: 400, body: { errorId: 900 } })
    expect(asked()).toEqual([LISTING])
    expect(looks()).toEqual([])
    await expectForeignUntouched()
  })
})

test('the life of a droplet, and of an add that fails, names no container of others', async () => {
  proxy.requests.length = 0
  // The number 01 is tried and given up: its port belongs to a bystander.
  expect(await matrix.droplets('POST', 'add', token)).toMatchObject([{ name: 'cikit02' }])
  const droplet = await idOf('cikit02')
  const undone = asked().find(line => line.startsWith('DELETE'))
  expect(undone).toMatch(/^DELETE \/containers\/[0-9a-f]{64}$/)
  for (const action of ['stop', 'start', 'restart']) await matrix.droplets('PATCH', `${action}/cikit02`, token)
  expect(await matrix.droplets('DELETE', 'delete/cikit02', token)).toEqual([])
  expect(asked()).toContain(`DELETE /containers/${droplet}`)
  expect(looks()).toContain(`GET /containers/${droplet}/json`)
  await expectForeignUntouched()
})

test('what happens to the containers of others is asked about by nobody, and the start on a host full of them neither', async () => {
  proxy.requests.length = 0
  await docker('pause', ...foreign)
  await docker('unpause', ...foreign)
  await docker('create', '--name', 'cikit06', SMALL_IMAGE)
  // Told later than all of that.
  const isListed = async () => (await matrix.droplets('GET', 'list', token)).some(({ name }) => name === 'cikit06')
  expect(await until(5_000, isListed)).toBe(true)
  await using _late = await startMatrix({ socket: proxy.socket })
  expect(await until(5_000, () => asked().length > 0 && looks().length > 1)).toBe(true)
  expect(asked()).toEqual([LISTING])
  expect(looks()).toContain(`GET /containers/${await idOf('cikit06')}/json`)
  await expectForeignUntouched()
  await docker('rm', 'cikit06')
})

test('what else a client writes into the address does not reach the engine', async () => {
  await docker('run', '-d', '--name', 'cikit05', SMALL_IMAGE)
  const droplet = await idOf('cikit05')
  const path = '/api/v1/droplet/stop/cikit05?t=0&signal=KILL&force=1&all=bystander'
  proxy.requests.length = 0
  expect((await rawRequest(matrix.url, 'PATCH', path, token)).status).toBe(200)
  expect(asked()).toEqual([LISTING, `POST /containers/${droplet}/stop`])
  expect(new Set(looks())).toEqual(new Set([`GET /containers/${droplet}/json`]))
  expect(proxy.requests.map(request => request.path).join()).not.toMatch(/signal|force|bystander|[?&]t=/)
})
