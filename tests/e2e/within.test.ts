import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { until } from '../../scripts/lib/run.ts'
import { engineKinds, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { openTerminal, takeTicket } from '../_support/e2e/terminal.ts'

// What is done within a true droplet, on each engine there is: commands, terminals, logs, and what it uses.

const BOOT_LIMIT_MS = 60_000

describe.each(engineKinds)('on the engine %s', kind => {
  let engine: TestEngine
  let matrix: Matrix
  let token: string
  let ownerToken: string

  beforeAll(async () => {
    engine = await startEngine(kind)
    matrix = await startMatrix({ socket: engine.socket })
    ownerToken = await matrix.signIn('owner')
    token = await matrix.signIn('manager')
    await matrix.droplets('POST', 'add', token)
    await until(BOOT_LIMIT_MS, async () => {
      const [droplet] = await matrix.droplets('GET', 'list', token)
      return droplet?.health === 'ready'
    })
  })
  afterAll(async () => {
    await matrix[Symbol.asyncDispose]()
    await engine.clear()
    await engine.stop()
  })

  const exec = (command: string[], timeout = 20) =>
    matrix.call('POST', '/droplet/exec/cikit01', token, { command, timeout })
  const shell = async (script: string) => ((await exec(['sh', '-c', script])).body as { stdout: string }).stdout.trim()
  const audited = async (action: string) => {
    const { body } = await matrix.call('GET', `/audit/list?action=${action}&target=cikit01`, ownerToken)
    return body as { user: string; action: string; result: string; error_id: number | null; time: string }[]
  }
  const read = async (query: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${matrix.url}/droplet/logs/cikit01?${query}`, { headers })
    return { status: response.status, text: await response.text() }
  }

  describe('a command', () => {
    test('comes back with what it printed and its exit code', async () => {
      expect(await exec(['sh', '-c', 'echo "$1"; echo oh >&2; exit 3', 'sh', '$(id) ü'])).toMatchObject({
        status: 200,
        body: { exit: 3, stdout: '$(id) ü\n', stderr: 'oh\n', truncated: false },
      })
      const [newest] = await audited('droplet.exec')
      expect(newest).toMatchObject({ user: 'manager', action: 'droplet.exec', result: 'ok' })
    })

    test('that is not there says so by its exit code', async () => {
      const { status, body } = await exec(['no-such-program'])
      expect(status).toBe(200)
      expect([126, 127]).toContain((body as { exit: number }).exit)
    })

    test('that prints without an end is cut off at a MiB', async () => {
      const { body } = await exec(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x'])
      const { stdout, truncated } = body as { stdout: string; truncated: boolean }
      expect([stdout.length, truncated]).toEqual([1024 * 1024, true])
    })

    test('that takes too long is ended, with what it began', async () => {
      const late = await exec(['sh', '-c', 'sleep 4711 & sh -c "sleep 4712; true" & sleep 4713'], 1)
      expect(late).toMatchObject({ status: 504, body: { errorId: 936 } })
      expect(await until(10_000, async () => (await shell('pgrep -f "sleep 471[123]"; true')) === '')).toBe(true)
      expect(await audited('droplet.exec')).toContainEqual(expect.objectContaining({ result: 'failed', error_id: 936 }))
    })
  })

  describe('a terminal', () => {
    test('runs top, is resized, and survives a lost connection', async () => {
      const first = openTerminal(matrix, 'cikit01', await takeTicket(matrix, token, 'cikit01'), '?columns=80&rows=20')
      first.type('echo size: $(stty size)\n')
      await first.until(/size: 20 80/)
      first.resize(100, 30)
      first.type('until stty size | grep "30 100"; do sleep 0.05; done\n')
      await first.until(/^30 100/m)
      first.type('exec top -d 1\n')
      await first.until(/load average/)
      const [opened] = first.said as [{ opened: { terminal: string; resumed: boolean } }]
      expect(opened).toEqual({ opened: { terminal: expect.any(String), resumed: false } })
      first.lose()
      await first.ended
      const query = `?terminal=${opened.opened.terminal}`
      const second = openTerminal(matrix, 'cikit01', await takeTicket(matrix, token, 'cikit01'), query)
      await second.until(/^30 100[\s\S]*load average/m)
      expect(second.said).toEqual([{ opened: { terminal: opened.opened.terminal, resumed: true } }])
      second.type('q')
      expect(await second.ended).toMatchObject({ code: 1000 })
      expect(second.said.at(-1)).toEqual({ exit: 0 })
      await until(5_000, async () => (await audited('droplet.exec.end')).length === 1)
      const [end, begin] = await audited('droplet.exec')
      expect([begin, end]).toMatchObject([
        { user: 'manager', action: 'droplet.exec', result: 'ok' },
        { user: 'manager', action: 'droplet.exec.end', result: 'ok' },
      ])
      expect(Date.parse(end?.time ?? '')).toBeGreaterThan(Date.parse(begin?.time ?? ''))
    })

    test('ends with its session, and with it all that it began', async () => {
      const user = await matrix.createUser('leaving', 'manager')
      const { access_token: own } = await matrix.logIn(user)
      const terminal = openTerminal(matrix, 'cikit01', await takeTicket(matrix, own, 'cikit01'))
      terminal.type('su -\n')
      terminal.type('sleep 4721\n')
      await until(10_000, async () => (await shell('pgrep -f "sleep 472[1]"; true')) !== '')
      await matrix.call('DELETE', '/user/session/current', own)
      expect(await terminal.ended).toMatchObject({ code: 4401 })
      expect(await until(10_000, async () => (await shell('pgrep -f "sleep 472[1]"; true')) === '')).toBe(true)
    })

    test('ends when its user may not do this any more', async () => {
      const user = await matrix.createUser('demoted', 'manager')
      const { access_token: own } = await matrix.logIn(user)
      const terminal = openTerminal(matrix, 'cikit01', await takeTicket(matrix, own, 'cikit01'))
      await terminal.until(/# $/)
      await matrix.call('PATCH', '/user/group/demoted', ownerToken, { group: 'viewer' })
      expect(await terminal.ended).toMatchObject({ code: 4401 })
    })
  })

  describe('logs', () => {
    test('are the journal, so many lines of it', async () => {
      await exec(['logger', '-t', 'told', 'one'])
      await exec(['logger', '-t', 'told', 'two \u001b[31m<b>'])
      const found = await until(5_000, async () => (await read('lines=20')).text.includes('two \u001b[31m<b>'))
      expect(found).toBe(true)
      const { status, text } = await read('lines=2')
      expect([status, text.trim().split('\n').length]).toEqual([200, 2])
    })

    test('are followed, until the session ends', async () => {
      const { access_token: own } = await matrix.logIn(await matrix.createUser(`reader-${kind}`, 'viewer'))
      const headers = { authorization: `Bearer ${own}` }
      const response = await fetch(`${matrix.url}/droplet/logs/cikit01?follow=true&lines=1`, { headers })
      await exec(['logger', '-t', 'told', 'one that is followed'])
      let text = ''
      for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        text += chunk
        // With this the stream ends.
        if (text.includes('one that is followed')) await matrix.call('DELETE', '/user/session/current', own)
      }
      expect(text).toContain('one that is followed')
      expect(await until(10_000, async () => (await shell('pgrep -f "[j]ournalctl.*follow"; true')) === '')).toBe(true)
    })

    test('of a stopped one are what its init printed', async () => {
      await matrix.droplets('PATCH', 'stop/cikit01', token)
      expect(await read('source=console')).toMatchObject({ status: 200 })
      expect(await read('source=journal')).toMatchObject({ status: 400 })
      expect(await exec(['true'])).toMatchObject({ status: 400, body: { errorId: 900 } })
      expect(await matrix.call('POST', '/droplet/ticket/cikit01', token)).toMatchObject({ status: 400 })
      await matrix.droplets('PATCH', 'start/cikit01', token)
    })
  })
})
