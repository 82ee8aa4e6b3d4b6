import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDocument } from '../../src/openapi/document.ts'
import { createCanaries } from '../_support/e2e/canary/canaries.ts'
import { knownCommands, listCommands, type Ran, runCommands, showsSecret } from '../_support/e2e/canary/commands.ts'
import { driveWithEngineFaults, driveWithStoreFaults } from '../_support/e2e/canary/faults.ts'
import { misplacedIn } from '../_support/e2e/canary/misplaced.ts'
import { askOutsiders, scrape } from '../_support/e2e/canary/outsiders.ts'
import { readDataDir, readProcess } from '../_support/e2e/canary/places.ts'
import { plant } from '../_support/e2e/canary/plant.ts'
import { wellFormed } from '../_support/e2e/canary/well.ts'
import { createWorld, learnKeys, learnPrivateKeys, removeDroplets, type World } from '../_support/e2e/canary/world.ts'
import { createFakeEngine, type FakeEngine } from '../_support/fake-engine.ts'
import { readSamples } from '../_support/metrics.ts'
import { seen } from '../_support/openapi.ts'

// Secrets that are known, made and sent in every way there is, and then looked for in every place where they have no
// business: as they are, in hex, Base32 and Base64, percent-encoded, and as the bytes that they stand for.

let engine: FakeEngine
let world: World
let commands: Ran[]
/** Read at the end, when all secrets are known. */
const places = new Map<string, Buffer>()
const succeeded: string[] = []
let stillLive: number

beforeAll(async () => {
  engine = createFakeEngine()
  world = await createWorld(engine)
  const { matrix, recorder, routes } = world
  const keepFiles = (moment: string) => {
    for (const [name, content] of readDataDir(matrix.dataDir)) places.set(`${name} ${moment}`, content)
  }

  for (const route of routes) {
    const { status } = await recorder.ask(await wellFormed(world, route))
    if (status === 200) succeeded.push(route)
  }
  keepFiles('after what is well-formed')

  const { live, misplaced } = await plant(world)
  const watched = await askOutsiders(world, misplaced)
  for (const route of routes) {
    const asked = misplaced.flatMap(secret => misplacedIn(route, secret, world.owner))
    // Sixteen at a time, as from as many clients.
    while (asked.length > 0) await Promise.all(asked.splice(0, 16).map(recorder.ask))
  }
  stillLive = (await matrix.call('GET', '/droplet/list', live.access_token)).status
  await removeDroplets(world)
  keepFiles('after what is misplaced')

  // The guesses locked this address.
  await matrix.cli('user', 'unlock', 'owner')
  await driveWithEngineFaults(world)
  await driveWithStoreFaults(world)
  learnPrivateKeys(world)
  keepFiles('after faults')

  commands = await runCommands(world)
  learnPrivateKeys(world)
  // One of them replaced the sealing key.
  learnKeys(world)
  keepFiles('after the commands')
  const metrics = await scrape(matrix)
  places.set('the process', readProcess(matrix.process.pid))
  await matrix.stop()
  keepFiles('after the end')

  const put = (place: string, lines: string[]) => places.set(place, Buffer.from(lines.join('\n')))
  put(
    'the log',
    matrix.log.map(entry => JSON.stringify(entry)),
  )
  put('standard error', [await matrix.complaints])
  put('the answers', [...recorder.answers, ...watched])
  put('the metrics', [metrics])
  put(
    'what the engine was asked',
    engine.requests.map(({ method, path, body }) => `${method} ${path} ${body}`),
  )
  put(
    'standard output of the commands',
    commands.filter(ran => !showsSecret(ran)).map(({ stdout }) => stdout),
  )
  put(
    'standard error of the commands',
    commands.map(({ stderr }) => stderr),
  )
  places.set('the processes of the commands', Buffer.concat(commands.map(ran => ran.process)))
})

afterAll(async () => {
  await world.matrix[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
})

test('no secret, code or token is where it does not belong', () => {
  const found = [...places].map(([place, content]) => ({ place, found: world.canaries.findIn(content) }))
  // Named with their number: one leak may show itself a thousand times.
  const leaks = found.filter(hits => hits.found.length > 0)
  expect(leaks.map(hits => ({ ...hits, found: hits.found.slice(0, 5), count: hits.found.length }))).toEqual([])
})

describe('the search saw all there is to see', () => {
  test('every route succeeded, failed by what was sent, and failed by what is underneath', () => {
    expect(succeeded).toEqual(world.routes)
    for (const route of world.routes) {
      expect([route, [...(world.recorder.statuses.get(route) ?? [])]]).toEqual([
        route,
        expect.arrayContaining([200, 400, 500]),
      ])
    }
  })

  test('every route and status was one that the document of the API knows, and each way to succeed was among them', () => {
    const { paths } = createDocument()
    const successes = world.routes.flatMap(route => {
      const [method = '', path = ''] = route.split(' ')
      const template = `/api/v1${path.replace(/:(\w+)/g, '{$1}').replace(/\/$/, '')}`
      const statuses = Object.keys(paths[template]?.[method.toLowerCase()]?.responses ?? {})
      return statuses.filter(status => status === '200').map(status => `${method} ${template} ${status}`)
    })
    expect(successes).toHaveLength(world.routes.length)
    expect([...seen]).toEqual(expect.arrayContaining([...successes, 'POST /api/v1/droplet/add 202']))
  })

  test('the tokens that were misplaced as live ones were live to the end', () => {
    expect(stillLive).toBe(200)
  })

  test('every command of the program succeeded and failed', async () => {
    expect(knownCommands.toSorted()).toEqual((await listCommands()).toSorted())
    for (const name of knownCommands) {
      const codes = commands.filter(({ words }) => words.startsWith(name)).map(({ exitCode }) => exitCode)
      expect([name, codes.some(code => code !== 0)]).toEqual([name, true])
      // The `serve` that succeeds is the one that was driven, and `uninstall` may not: it would change this very host.
      // `console` needs a terminal: tests/e2e/client-within.test.ts. Nothing but Ctrl-C ends `events` of one who is logged in.
      const succeeded = name === 'events' ? 130 : 0
      if (!['serve', 'uninstall', 'droplet console'].includes(name))
        expect([name, codes]).toEqual([name, expect.arrayContaining([succeeded])])
    }
  })

  test('the files are those of a database in use, its WAL among them', () => {
    const names = ['cikit-api.db', 'cikit-api.db-wal', 'cikit-api.db-shm', 'serve.json'].map(
      file => `${file} after faults`,
    )
    expect([...places.keys()]).toEqual(expect.arrayContaining(names))
    for (const name of names) expect([name, places.get(name)?.length]).not.toEqual([name, 0])
  })

  test('the metrics are those of all that was done', () => {
    const names = readSamples(String(places.get('the metrics')))
    expect(names.get('cikit_api_logins_total{result="ok"}')).toBeGreaterThan(10)
    expect(names.get('cikit_api_http_requests_total{route="none",method="GET",status="404"}')).toBeGreaterThan(10)
  })

  test('what does belong somewhere is found there', () => {
    const { matrix, canaries, owner } = world
    expect(canaries.findIn(readFileSync(join(matrix.dataDir, 'sealing.key')))).not.toEqual([])
    const shown = commands.filter(showsSecret).map(({ stdout }) => canaries.findIn(Buffer.from(stdout)))
    expect(shown.map(found => found.length > 0)).toEqual(shown.map(() => true))
    const hashes = createCanaries()
    hashes.addBytes('the hash of the token', createHash('sha256').update(owner).digest())
    expect(hashes.findIn(places.get('cikit-api.db after the end') ?? Buffer.alloc(0))).not.toEqual([])
  })
})
