import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { engineKinds, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// A real droplet from add to delete, on each engine.

const BOOT_LIMIT_MS = 60_000

describe.each(engineKinds)('on the engine %s', kind => {
  let engine: TestEngine
  let server: ServerProcess
  let token: string

  beforeAll(async () => {
    engine = await startEngine(kind)
    server = await startServerProcess({ socket: engine.socket })
    token = await server.logInAs('manager')
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await engine.removeContainers()
    await engine.stop()
  })

  const keyPath = () => join(server.dataDir, 'credentials/cikit01/cikit01.private.key')
  const ssh = (...command: string[]) => {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'ConnectTimeout=5']
    const flags = options.flatMap(option => ['-o', option])
    const sshCommand = ['ssh', '-q', '-i', keyPath(), '-p', '2201', ...flags, 'root@127.0.0.1', ...command]
    return run(engine.inEngineNetwork(sshCommand))
  }
  const waitForBoot = () =>
    pollUntil(BOOT_LIMIT_MS, () =>
      ssh('systemctl', 'is-system-running').then(
        state => state.trim() === 'running',
        () => false,
      ),
    )

  test('add creates the next droplet and returns the list', async () => {
    expect(await server.callDroplets('GET', 'list', token)).toEqual([])
    expect(await server.callDroplets('POST', 'add', token)).toMatchObject([
      {
        id: expect.stringMatching(/^[0-9a-f]{12}$/),
        name: 'cikit01',
        created: expect.stringMatching(/ ago$/),
        status: expect.stringMatching(/^Up /),
        state: 'running',
        ports: {
          22: { type: 'tcp', from: { ip: '0.0.0.0', port: 2201 } },
          80: { type: 'tcp', from: { ip: '127.0.0.1', port: 8001 } },
          443: { type: 'tcp', from: { ip: '127.0.0.1', port: 44301 } },
        },
      },
    ])
    expect(statSync(keyPath()).mode & 0o777).toBe(0o400)
  })

  test('the droplet boots with systemd and accepts its key', async () => {
    expect(await waitForBoot()).toBe(true)
    expect((await ssh('hostname')).trim()).toBe('cikit01.matrix.test')
    expect((await ssh('stat', '-c', '%a,%U', '/root/.ssh/authorized_keys')).trim()).toBe('600,root')
    expect((await ssh('findmnt', '-no', 'FSTYPE', '/run')).trim()).toBe('tmpfs')
    expect(await ssh('sshd', '-T')).toContain('passwordauthentication no')
  })

  test('port 80 of the droplet is published on 127.0.0.1:8001', async () => {
    await ssh('mkdir -p /srv/www && echo hello-from-the-droplet > /srv/www/index.html')
    await ssh('systemd-run -q -u web python3 -m http.server -d /srv/www 80')
    const isResponding = () =>
      run(engine.inEngineNetwork(['curl', '-sf', 'http://127.0.0.1:8001/'])).then(
        body => body.trim() === 'hello-from-the-droplet',
        () => false,
      )
    expect(await pollUntil(20_000, isResponding)).toBe(true)
  })

  test('stop shuts the droplet down cleanly, and start keeps its data', async () => {
    const [stopped] = await server.callDroplets('PATCH', 'stop/cikit01', token)
    expect(stopped).toMatchObject({ state: 'exited', ports: {} })
    // 137 would mean that the droplet ignored the signal and was killed.
    expect(stopped?.status).toMatch(/^Exited \((0|130)\) /)
    expect(await server.callDroplets('PATCH', 'stop/cikit01', token)).toMatchObject([{ state: 'exited' }])
    expect(await server.callDroplets('PATCH', 'start/cikit01', token)).toMatchObject([{ state: 'running' }])
    expect(await waitForBoot()).toBe(true)
    expect((await ssh('cat', '/srv/www/index.html')).trim()).toBe('hello-from-the-droplet')
  })

  test('restart boots the droplet again', async () => {
    const before = await ssh('cat', '/proc/1/stat')
    expect(await server.callDroplets('PATCH', 'restart/cikit01', token)).toMatchObject([{ state: 'running' }])
    expect(await waitForBoot()).toBe(true)
    expect(await ssh('cat', '/proc/1/stat')).not.toBe(before)
  })

  test('delete removes the droplet and its key', async () => {
    expect(await server.callDroplets('DELETE', 'delete/cikit01', token)).toEqual([])
    expect(statSync(keyPath(), { throwIfNoEntry: false })).toBeUndefined()
    const again = await server.call('DELETE', '/droplet/delete/cikit01', token)
    expect(again.body).toEqual({ error: 'Error response from daemon: No such container: cikit01', errorId: 900 })
  })
})
