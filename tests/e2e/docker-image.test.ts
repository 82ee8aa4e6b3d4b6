import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json'
import { root } from '../../scripts/lib/paths.ts'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { ensureNodeImage, NODE_IMAGE } from '../testkit/e2e/node-image.ts'
import { currentCode } from '../testkit/e2e/server-process.ts'

// Builds the Dockerfile and runs the commands of docs/installation.md, with another port and another engine.

const PORT = 18_337
const USER = 10_001
let engine: TestEngine

const docker = (...args: string[]) =>
  run(['docker', '-H', `unix://${engine.socket}`, ...args], { env: legacyBuilderEnv })
/** Every engine has the legacy builder. */
const legacyBuilderEnv = { DOCKER_BUILDKIT: '0' }
const inspect = async (name: string) => JSON.parse(await docker('inspect', name))[0]

beforeAll(async () => {
  engine = await startEngine('host')
  await docker('volume', 'rm', '-f', 'cikit-api')
  await ensureNodeImage(engine.socket)
  const args = ['--build-arg', `BUILD_IMAGE=${NODE_IMAGE}`, '--build-arg', 'REVISION=4711', '--network', 'host']
  await docker('build', '-t', 'cikit-api', ...args, root)
})
afterAll(async () => {
  await engine.removeContainers()
  await docker('volume', 'rm', '-f', 'cikit-api')
  // The build cache is not worth the gigabyte.
  await docker('image', 'rm', '-f', 'cikit-api')
  await docker('image', 'prune', '-f')
  await engine.stop()
})

test('the image contains only the binary and the C library, in at most 40 MB plus the binary', async () => {
  const { Size } = await inspect('cikit-api')
  expect(await docker('run', '--rm', 'cikit-api', '--version')).toBe(`${version}\n`)
  expect(Size).toBeLessThan(statSync(join(root, 'dist/cikit-api')).size + 40_000_000)
  await expect(docker('run', '--rm', '--entrypoint', '/bin/sh', 'cikit-api')).rejects.toThrow('/bin/sh')
})

test('the labels describe the image', async () => {
  const { Config } = await inspect('cikit-api')
  expect(Config.StopSignal).toBe('SIGTERM')
  expect(Config.Labels).toMatchObject({
    'org.opencontainers.image.title': 'cikit-api',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.revision': '4711',
    'org.opencontainers.image.licenses': 'MIT',
  })
})

describe('with the documented commands', () => {
  let output: string
  const api = `http://127.0.0.1:${PORT}/api/v1`

  beforeAll(async () => {
    output = await runDocumentedCommands(line => /^docker (run|exec)/.test(line))
  })

  test('the created owner logs in and adds a droplet', async () => {
    const secret = /Secret +([A-Z2-7]{32})/.exec(output)?.[1] ?? ''
    const login = { username: 'BR0kEN', code: await currentCode(secret) }
    const response = await fetch(`${api}/user/auth`, { method: 'POST', body: new URLSearchParams(login) })
    const { access_token } = (await response.json()) as { access_token: string }
    const headers = { authorization: `Bearer ${access_token}` }
    const added = await fetch(`${api}/droplet/add`, { method: 'POST', headers, timeout: false })
    expect(await added.json()).toMatchObject([{ name: 'cikit01', hostname: 'cikit01.matrix.example.com' }])
    const listed = await fetch(`${api}/droplet/list`, { headers })
    expect(await listed.json()).toMatchObject([{ name: 'cikit01', state: 'running' }])
  })

  test('the port is published on loopback only', async () => {
    const { HostConfig } = await inspect('cikit-api')
    expect(HostConfig.PortBindings).toEqual({ '1337/tcp': [{ HostIp: '127.0.0.1', HostPort: String(PORT) }] })
  })

  test('the container becomes healthy', async () => {
    const health = async () => (await inspect('cikit-api')).State.Health.Status
    expect(await pollUntil(30_000, async () => (await health()) === 'healthy')).toBe(true)
  })

  test('the server does not run as root if the group of the socket may use the engine', async () => {
    const status = readFileSync(`/proc/${(await inspect('cikit-api')).State.Pid}/status`, 'utf8')
    expect(status).toContain(`\nUid:\t${USER}\t${USER}\t${USER}\t${USER}\n`)
    const { gid } = statSync(engine.socket)
    expect(status).toMatch(new RegExp(`\nGroups:\t(\\d+ )*${gid}( |\n)`))
  })

  test('SIGTERM stops the server at once with exit code 0, and it starts again with its data', async () => {
    const start = performance.now()
    await docker('stop', '-t', '30', 'cikit-api')
    expect(performance.now() - start).toBeLessThan(5_000)
    expect((await inspect('cikit-api')).State.ExitCode).toBe(0)
    await docker('start', 'cikit-api')
    expect(await pollUntil(10_000, () => isResponding())).toBe(true)
    expect(await docker('exec', 'cikit-api', 'cikit-api', 'user', 'list', '--json')).toContain('"BR0kEN"')
    await docker('rm', '-f', 'cikit-api')
  })

  test('serves the same data when the container runs as another user than root', async () => {
    const group = statSync(engine.socket).gid
    output = await runDocumentedCommands(line => line.startsWith('docker run'), ` --user ${USER} --group-add ${group} `)
    expect(await pollUntil(10_000, () => isResponding())).toBe(true)
    expect(await (await fetch(`http://127.0.0.1:${PORT}/health`)).json()).toMatchObject({ engine: 'ok' })
    expect(await docker('exec', 'cikit-api', 'cikit-api', 'user', 'list', '--json')).toContain('"BR0kEN"')
  })

  const isResponding = () =>
    fetch(`http://127.0.0.1:${PORT}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
})

/** Runs the matching commands of docs/installation.md in bash. */
async function runDocumentedCommands(isWanted: (line: string) => boolean, flags = ' '): Promise<string> {
  const page = readFileSync(join(root, 'docs/installation.md'), 'utf8').replaceAll(' \\\n', '')
  const lines = page.split('\n').filter(line => line.includes('cikit-api') && isWanted(line))
  const script = lines
    .join('\n')
    .replace('docker run ', `docker run${flags}`)
    .replaceAll('/var/run/docker.sock:', `${engine.socket}:`)
    .replaceAll('127.0.0.1:1337:', `127.0.0.1:${PORT}:`)
    // A terminal for the output, but no input.
    .replaceAll('exec -it ', 'exec -t ')
  return await run(['bash', '-ec', script], { env: { ...legacyBuilderEnv, DOCKER_HOST: `unix://${engine.socket}` } })
}
