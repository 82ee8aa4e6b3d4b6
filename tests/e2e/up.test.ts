import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { paintTerminal, scanPicture } from '../testkit/e2e/qr.ts'
import { currentCode } from '../testkit/e2e/server-process.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// `npm run up` and `npm run down` on a host whose engine already runs another container.

const PORT = '18399'
const dir = tempDir()
const upDir = join(dir.path, 'up')
let engine: TestEngine
let upOutput: string
let secret: string

const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])
const containerNames = async () => (await docker('ps', '-a', '--format', '{{.Names}}')).trim().split('\n').sort()
const runNpm = (...args: string[]) =>
  run(['npm', '--prefix', root, 'run', ...args], {
    env: { CIKIT_UP_DIR: upDir, CIKIT_API_PORT: PORT, DOCKER_HOST: `unix://${engine.socket}` },
  })

beforeAll(async () => {
  engine = await startEngine('host')
  await docker('run', '-d', '--name', 'bystander', SMALL_IMAGE)
  upOutput = await runNpm('up')
  secret = /Secret +([A-Z2-7]{32})/.exec(upOutput)?.[1] ?? ''
})
afterAll(async () => {
  await runNpm('down', '--', '--purge')
  await engine.removeContainers()
  await engine.stop()
  dir[Symbol.dispose]()
})

test('up prints a QR code for the owner that can be scanned', async () => {
  expect(upOutput).toContain(`Using the Docker Engine on ${engine.socket}`)
  const address = await scanPicture(paintTerminal(upOutput), 'pgm')
  expect(new URL(address).searchParams.get('secret')).toBe(secret)
})

test('the three printed commands log in, add a droplet and list it', async () => {
  const lines = upOutput.split('\n').filter(line => /^(TOKEN=|curl )/.test(line))
  expect(lines).toHaveLength(3)
  const script = lines.join('\necho\n').replace('123456', await currentCode(secret))
  const [, added = '', listed = ''] = (await run(['bash', '-c', script])).split('\n')
  for (const response of [added, listed])
    expect(JSON.parse(response)).toMatchObject([{ name: 'cikit01', state: 'running' }])
})

test('a second up keeps the owner and the secret', async () => {
  const output = await runNpm('up')
  expect(output).toContain('Already serving')
  expect(output).toContain('The owner is owner')
  expect(output).not.toContain('Secret ')
})

test('down stops the server and keeps the data for the next up', async () => {
  await runNpm('down')
  expect(await fetch(`http://127.0.0.1:${PORT}/`).catch(() => 'unreachable')).toBe('unreachable')
  expect(await containerNames()).toEqual(['bystander', 'cikit01'])
  const output = await runNpm('up')
  expect(output).toContain('The owner is owner')
  expect((await fetch(`http://127.0.0.1:${PORT}/`)).status).toBe(200)
})

test('down --purge after down removes its droplets and data and nothing else', async () => {
  await runNpm('down')
  await runNpm('down', '--', '--purge')
  expect(existsSync(upDir)).toBe(false)
  expect(await containerNames()).toEqual(['bystander'])
})
