import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { pollUntil } from '../../scripts/lib/run.ts'
import { engineKinds, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { openTerminal, requestTicket } from '../testkit/e2e/terminal-client.ts'
import { waitUntil } from '../testkit/wait-until.ts'

// Commands, terminals and logs in a real droplet, on each engine.

const BOOT_LIMIT_MS = 60_000

describe.each(engineKinds)('on the engine %s', kind => {
  let engine: TestEngine
  let server: ServerProcess
  let token: string
  let ownerToken: string

  beforeAll(async () => {
    engine = await startEngine(kind)
    server = await startServerProcess({ socket: engine.socket })
    ownerToken = await server.logInAs('owner')
    token = await server.logInAs('manager')
    await server.callDroplets('POST', 'add', token)
    const isReady = async () => (await server.callDroplets('GET', 'list', token))[0]?.health === 'ready'
    await waitUntil(isReady, { timeoutMs: BOOT_LIMIT_MS, what: 'the droplet to boot' })
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await engine.removeContainers()
    await engine.stop()
  })

  const exec = (command: string[], timeout = 20) =>
    server.call('POST', '/droplet/exec/cikit01', token, { command, timeout })
  const runShell = async (script: string) =>
    ((await exec(['sh', '-c', script])).body as { stdout: string }).stdout.trim()
  const auditRecords = async (action: string) => {
    const { body } = await server.call('GET', `/audit/list?action=${action}&target=cikit01`, ownerToken)
    return body as { user: string; action: string; result: string; error_id: number | null; time: string }[]
  }
  const readLogs = async (query: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${server.url}/droplet/logs/cikit01?${query}`, { headers })
    return { status: response.status, text: await response.text() }
  }

  describe('a command', () => {
    test('returns its output and exit code', async () => {
      expect(await exec(['sh', '-c', 'echo "$1"; echo oh >&2; exit 3', 'sh', '$(id) ü'])).toMatchObject({
        status: 200,
        body: { exit: 3, stdout: '$(id) ü\n', stderr: 'oh\n', truncated: false },
      })
      const [newest] = await auditRecords('droplet.exec')
      expect(newest).toMatchObject({ user: 'manager', action: 'droplet.exec', result: 'ok' })
    })

    test('that does not exist returns 126 or 127', async () => {
      const { status, body } = await exec(['no-such-program'])
      expect(status).toBe(200)
      expect([126, 127]).toContain((body as { exit: number }).exit)
    })

    test('that prints too much is truncated at a MiB', async () => {
      const { body } = await exec(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x'])
      const { stdout, truncated } = body as { stdout: string; truncated: boolean }
      expect([stdout.length, truncated]).toEqual([1024 * 1024, true])
    })

    test('that times out is killed with its child processes', async () => {
      const timedOut = await exec(['sh', '-c', 'sleep 4711 & sh -c "sleep 4712; true" & sleep 4713'], 1)
      expect(timedOut).toMatchObject({ status: 504, body: { errorId: 936 } })
      expect(await pollUntil(10_000, async () => (await runShell('pgrep -f "sleep 471[123]"; true')) === '')).toBe(true)
      expect(await auditRecords('droplet.exec')).toContainEqual(
        expect.objectContaining({ result: 'failed', error_id: 936 }),
      )
    })
  })

  describe('a terminal', () => {
    test('runs top, resizes and survives a lost connection', async () => {
      const first = openTerminal(
        server,
        'cikit01',
        await requestTicket(server, token, 'cikit01'),
        '?columns=80&rows=20',
      )
      first.type('echo size: $(stty size)\n')
      await first.waitFor(/size: 20 80/)
      first.resize(100, 30)
      first.type('until stty size | grep "30 100"; do sleep 0.05; done\n')
      await first.waitFor(/^30 100/m)
      first.type('exec top -d 1\n')
      await first.waitFor(/load average/)
      const [opened] = first.messages as [{ opened: { terminal: string; resumed: boolean } }]
      expect(opened).toEqual({ opened: { terminal: expect.any(String), resumed: false } })
      first.dropConnection()
      await first.closed
      const query = `?terminal=${opened.opened.terminal}`
      const second = openTerminal(server, 'cikit01', await requestTicket(server, token, 'cikit01'), query)
      await second.waitFor(/^30 100[\s\S]*load average/m)
      expect(second.messages).toEqual([{ opened: { terminal: opened.opened.terminal, resumed: true } }])
      second.type('q')
      expect(await second.closed).toMatchObject({ code: 1000 })
      expect(second.messages.at(-1)).toEqual({ exit: 0 })
      await waitUntil(async () => (await auditRecords('droplet.exec.end')).length === 1, { what: 'the audit record' })
      const [end, start] = await auditRecords('droplet.exec')
      expect([start, end]).toMatchObject([
        { user: 'manager', action: 'droplet.exec', result: 'ok' },
        { user: 'manager', action: 'droplet.exec.end', result: 'ok' },
      ])
      expect(Date.parse(end?.time ?? '')).toBeGreaterThan(Date.parse(start?.time ?? ''))
    })

    test('ends with its session, including its child processes', async () => {
      const user = await server.createUser('leaving', 'manager')
      const { access_token: ownToken } = await server.logIn(user)
      const terminal = openTerminal(server, 'cikit01', await requestTicket(server, ownToken, 'cikit01'))
      terminal.type('su -\n')
      terminal.type('sleep 4721\n')
      await waitUntil(async () => (await runShell('pgrep -f "sleep 472[1]"; true')) !== '', {
        what: 'the child process',
      })
      await server.call('DELETE', '/user/session/current', ownToken)
      expect(await terminal.closed).toMatchObject({ code: 4401 })
      expect(await pollUntil(10_000, async () => (await runShell('pgrep -f "sleep 472[1]"; true')) === '')).toBe(true)
    })

    test('ends when its user loses the permission', async () => {
      const user = await server.createUser('demoted', 'manager')
      const { access_token: ownToken } = await server.logIn(user)
      const terminal = openTerminal(server, 'cikit01', await requestTicket(server, ownToken, 'cikit01'))
      await terminal.waitFor(/# $/)
      await server.call('PATCH', '/user/group/demoted', ownerToken, { group: 'viewer' })
      expect(await terminal.closed).toMatchObject({ code: 4401 })
    })
  })

  describe('logs', () => {
    test('are the requested number of lines of the journal', async () => {
      await exec(['logger', '-t', 'test', 'one'])
      await exec(['logger', '-t', 'test', 'two \u001b[31m<b>'])
      const isFound = await pollUntil(5_000, async () =>
        (await readLogs('lines=20')).text.includes('two \u001b[31m<b>'),
      )
      expect(isFound).toBe(true)
      const { status, text } = await readLogs('lines=2')
      expect([status, text.trim().split('\n').length]).toEqual([200, 2])
    })

    test('are followed until the session ends', async () => {
      const { access_token: ownToken } = await server.logIn(await server.createUser(`reader-${kind}`, 'viewer'))
      const headers = { authorization: `Bearer ${ownToken}` }
      const response = await fetch(`${server.url}/droplet/logs/cikit01?follow=true&lines=1`, {
        headers,
        signal: AbortSignal.timeout(30_000),
      })
      await exec(['logger', '-t', 'test', 'one that is followed'])
      let text = ''
      for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        text += chunk
        // Ends the stream.
        if (text.includes('one that is followed')) await server.call('DELETE', '/user/session/current', ownToken)
      }
      expect(text).toContain('one that is followed')
      expect(
        await pollUntil(10_000, async () => (await runShell('pgrep -f "[j]ournalctl.*follow"; true')) === ''),
      ).toBe(true)
    })

    test('of a stopped droplet are the output of its init', async () => {
      await server.callDroplets('PATCH', 'stop/cikit01', token)
      expect(await readLogs('source=console')).toMatchObject({ status: 200 })
      expect(await readLogs('source=journal')).toMatchObject({ status: 400 })
      expect(await exec(['true'])).toMatchObject({ status: 400, body: { errorId: 900 } })
      expect(await server.call('POST', '/droplet/ticket/cikit01', token)).toMatchObject({ status: 400 })
      await server.callDroplets('PATCH', 'start/cikit01', token)
    })
  })
})
