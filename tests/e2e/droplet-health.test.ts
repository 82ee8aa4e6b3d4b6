import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { engineKinds, SMALL_IMAGE, startEngine } from '../testkit/e2e/engines.ts'
import { type ListedDroplet, startServerProcess } from '../testkit/e2e/server-process.ts'

// The health of real droplets in the list.

const BOOT_LIMIT_MS = 60_000
const PROBE_LIMIT_MS = 10_000

async function startHost(kind: (typeof engineKinds)[number], ...flags: string[]) {
  const engine = await startEngine(kind)
  const server = await startServerProcess({ socket: engine.socket, flags })
  const token = await server.logInAs('manager')
  const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])
  const findDroplet = async (name: string): Promise<ListedDroplet | undefined> =>
    (await server.callDroplets('GET', 'list', token)).find(droplet => droplet.name === name)
  return {
    engine,
    server,
    token,
    docker,
    findDroplet,
    /** Triggers a probe: running droplets are probed once a minute, restarted ones at once. */
    restart: (name: string) => server.callDroplets('PATCH', `restart/${name}`, token),
    waitForHealth: (name: string, health: ListedDroplet['health'], limit = PROBE_LIMIT_MS) =>
      pollUntil(limit, async () => (await findDroplet(name))?.health === health),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await engine.removeContainers()
      await engine.stop()
    },
  }
}

describe.each(engineKinds)('a droplet with systemd on the engine %s', kind => {
  let host: Awaited<ReturnType<typeof startHost>>
  beforeAll(async () => {
    host = await startHost(kind)
  })
  afterAll(() => host[Symbol.asyncDispose]())

  const systemctl = (...args: string[]) => host.docker('exec', 'cikit01', 'systemctl', ...args)

  test('is booting, then ready once systemd is up and sshd sends its banner', async () => {
    const [added] = await host.server.callDroplets('POST', 'add', host.token)
    expect(added).toMatchObject({ number: 1, hostname: 'cikit01.matrix.test', health: 'booting', exit_code: null })
    expect(added).toMatchObject({ image: 'localhost/cikit-droplet:bookworm', stopped_at: null })
    expect(await host.waitForHealth('cikit01', 'ready', BOOT_LIMIT_MS)).toBe(true)
    expect((await systemctl('is-system-running')).trim()).toBe('running')
    const started = (await host.docker('inspect', '-f', '{{.State.StartedAt}}', 'cikit01')).slice(0, 23)
    expect((await host.findDroplet('cikit01'))?.started_at).toBe(`${started}Z`)
  })

  test('shows the host key that ssh-keyscan gets from its port', async () => {
    const scan = ['ssh-keyscan', '-t', 'ed25519', '-p', '2201', '127.0.0.1']
    const [, type, blob] = (await run(host.engine.inEngineNetwork(scan))).trim().split(' ')
    const key = `${type} ${blob}`
    const keygenOutput = await run(['sh', '-c', `echo '${key}' | ssh-keygen -lf -`])
    expect((await host.findDroplet('cikit01'))?.ssh).toEqual({
      command: 'ssh -p 2201 root@matrix.test',
      host_key: key,
      fingerprint: keygenOutput.split(' ')[1] ?? '',
    })
  })

  test('is degraded when a unit failed, and ready after the fix', async () => {
    const unit = '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n[Install]\\nWantedBy=multi-user.target\\n'
    const installUnit = `printf '${unit}' > /etc/systemd/system/fails.service && systemctl enable fails`
    await host.docker('exec', 'cikit01', 'sh', '-c', installUnit)
    await host.restart('cikit01')
    expect(await host.waitForHealth('cikit01', 'degraded', BOOT_LIMIT_MS)).toBe(true)
    await systemctl('disable', 'fails')
    await host.restart('cikit01')
    expect(await host.waitForHealth('cikit01', 'ready', BOOT_LIMIT_MS)).toBe(true)
  })

  test('is not ready without its sshd', async () => {
    await systemctl('disable', 'ssh')
    await host.restart('cikit01')
    const isUp = () =>
      systemctl('is-system-running').then(
        state => state.trim() === 'running',
        () => false,
      )
    expect(await pollUntil(BOOT_LIMIT_MS, isUp)).toBe(true)
    const deadline = performance.now() + 3_000
    while (performance.now() < deadline) expect((await host.findDroplet('cikit01'))?.health).toBe('booting')
    // Proves that it was probed meanwhile.
    expect((await host.findDroplet('cikit01'))?.ssh?.host_key).toMatch(/^ssh-ed25519 /)
    await systemctl('enable', '--now', 'ssh')
    expect(await host.waitForHealth('cikit01', 'ready')).toBe(true)
  })

  test('has no health while stopped, and boots again after a start', async () => {
    const [stopped] = await host.server.callDroplets('PATCH', 'stop/cikit01', host.token)
    expect(stopped).toMatchObject({ health: null, ssh: null, exit_code: expect.any(Number) })
    const [started] = await host.server.callDroplets('PATCH', 'start/cikit01', host.token)
    expect(started).toMatchObject({ health: 'booting', exit_code: null, stopped_at: null })
    expect(await host.waitForHealth('cikit01', 'ready', BOOT_LIMIT_MS)).toBe(true)
  })
})

describe('a droplet without systemd', () => {
  let host: Awaited<ReturnType<typeof startHost>>
  beforeAll(async () => {
    host = await startHost('host', '--image', SMALL_IMAGE)
  })
  afterAll(() => host[Symbol.asyncDispose]())

  const dockerExec = (...args: string[]) => host.docker('exec', ...args)

  test('without a shell and an SSH banner stays booting', async () => {
    await host.docker('run', '-d', '--name', 'cikit41', '-p', '2241:22', SMALL_IMAGE)
    expect(await host.waitForHealth('cikit41', 'booting')).toBe(true)
    expect((await host.findDroplet('cikit41'))?.ssh).toMatchObject({ host_key: null, fingerprint: null })
  })

  test('is ready when its port 22 sends an SSH banner', async () => {
    await dockerExec('cikit41', '/bin/busybox', 'ln', '-s', 'busybox', '/bin/sh')
    const greet = 'while :; do echo SSH-2.0-small | /bin/busybox nc -l -p 22; done'
    await dockerExec('-d', 'cikit41', '/bin/busybox', 'sh', '-c', greet)
    expect(await host.waitForHealth('cikit41', 'ready', PROBE_LIMIT_MS)).toBe(true)
  })

  test('whose shell hangs or prints endlessly does not affect others', async () => {
    for (const [name, loop] of [
      ['cikit42', 'while :; do /bin/busybox sleep 100; done'],
      ['cikit43', 'exec /bin/busybox yes'],
    ] as const) {
      await host.docker('run', '-d', '--name', name, SMALL_IMAGE)
      const script = `printf '#!/bin/busybox sh\\n${loop}\\n' > /bin/sh; /bin/busybox chmod +x /bin/sh`
      await dockerExec(name, '/bin/busybox', 'sh', '-c', script)
    }
    await host.docker('run', '-d', '--name', 'cikit44', SMALL_IMAGE)
    await dockerExec('cikit44', '/bin/busybox', 'ln', '-s', 'busybox', '/bin/sh')
    const greet = 'while :; do echo SSH-2.0-small | /bin/busybox nc -l -p 22; done'
    await dockerExec('-d', 'cikit44', '/bin/busybox', 'sh', '-c', greet)
    expect(await host.waitForHealth('cikit44', 'ready', 2 * PROBE_LIMIT_MS)).toBe(true)
    const shellCount = async (name: string) =>
      (await host.docker('top', name, '-o', 'pid,args')).split('\n').filter(line => line.includes('/bin/sh -c')).length
    expect(await pollUntil(PROBE_LIMIT_MS, async () => (await shellCount('cikit42')) === 1)).toBe(true)
    expect((await host.findDroplet('cikit42'))?.health).toBe('booting')
    expect(host.server.log.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('that was killed shows its exit code', async () => {
    await host.docker('kill', 'cikit44')
    expect(await pollUntil(PROBE_LIMIT_MS, async () => (await host.findDroplet('cikit44'))?.exit_code === 137)).toBe(
      true,
    )
    const ended = (await host.docker('inspect', '-f', '{{.State.FinishedAt}}', 'cikit44')).slice(0, 23)
    expect(await host.findDroplet('cikit44')).toMatchObject({
      stopped_at: `${ended}Z`,
      health: null,
      ssh: null,
      number: 44,
    })
  })
})
