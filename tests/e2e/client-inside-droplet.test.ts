import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectedFailure } from '../testkit/cli.ts'
import { addDroplet, type CliUser, createCliUser, logIn, originOf } from '../testkit/e2e/cli-user.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { createTcpProxy } from '../testkit/e2e/tcp-proxy.ts'
import { waitUntil } from '../testkit/wait-until.ts'

// Client commands that work inside a real droplet, with the binary as client and server.

/** Escaped for regular expressions. */
const ESC = '\\x1b'
const CLEARED = `${ESC}\\[H${ESC}\\[2J`

let engine: TestEngine
let server: ServerProcess
let cliUser: CliUser
let droplet: string

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket })
  cliUser = createCliUser()
  await logIn(cliUser, server, 'ann', 'manager')
  droplet = (await addDroplet(cliUser, '--ssh-keys', 'none', '--wait')).name
})
afterAll(async () => {
  cliUser[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

const exec = (...args: string[]) => cliUser.run('droplet', 'exec', droplet, '--', ...args)

describe('exec', () => {
  test('passes on both output streams and the exit code', async () => {
    expect(await exec('sh', '-c', 'echo "$1"; echo oh >&2; exit 3', 'sh', '--json -h $(id)')).toEqual({
      exitCode: 3,
      stdout: '--json -h $(id)\n',
      stderr: 'oh\n',
    })
    expect(await exec('true')).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    const help = await exec('ls', '--help')
    expect(help).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Usage: ls /) })
  })

  test('reports truncated output', async () => {
    const { exitCode, stdout, stderr } = await exec('sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x')
    expect([exitCode, stdout.length]).toEqual([0, 1024 * 1024])
    expect(stderr).toBe('cikit-api: the output was cut after 1 MiB\n')
  })

  test('kills a command that times out, and rejects an unknown droplet', async () => {
    const timedOut = await cliUser.run('droplet', 'exec', droplet, '--timeout', '1', '--', 'sleep', '60')
    expect(timedOut).toEqual(expectedFailure(1, /exceeded its time limit/))
    expect(await cliUser.run('droplet', 'exec', 'no/such', '--', 'true')).toMatchObject({ exitCode: 1, stdout: '' })
  })

  test('ends when the droplet is removed', async () => {
    const { name } = await addDroplet(cliUser, '--ssh-keys', 'none')
    const running = cliUser.start('droplet', 'exec', name, '--', 'sleep', '600')
    const isRunning = async () =>
      (await cliUser.run('droplet', 'exec', name, '--', 'pgrep', '-x', 'sleep')).stdout !== ''
    await waitUntil(isRunning, { what: 'the command to run' })
    await cliUser.run('droplet', 'rm', name)
    const { exitCode, stderr } = await running.result
    // The engine may or may not report the signal before the droplet is gone.
    if (stderr === '') expect([129, 137, 143]).toContain(exitCode)
    else expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/was stopped/)])
  })
})

describe('logs', () => {
  test('are the last lines of the journal, and continue with --follow until Ctrl-C', async () => {
    await exec('logger', '-t', 'test', 'one')
    const isLogged = (text: string) => text.includes('test: one') || text.includes('test[')
    await waitUntil(async () => isLogged((await cliUser.run('droplet', 'logs', droplet)).stdout), {
      what: 'the first line in the journal',
    })
    const { exitCode, stdout, stderr } = await cliUser.run('droplet', 'logs', droplet, '--lines', '2')
    expect({ exitCode, stderr, lines: stdout.split('\n').length }).toEqual({ exitCode: 0, stderr: '', lines: 3 })
    const following = cliUser.start('droplet', 'logs', droplet, '--follow', '--lines', '0')
    await waitUntil(async () => (await exec('pgrep', '-f', '[j]ournalctl.*follow')).stdout !== '', {
      what: 'journalctl to follow',
    })
    await exec('logger', '-t', 'test', 'one that is followed')
    await following.stdout.waitFor(/one that is followed\n/)
    following.kill('SIGINT')
    expect(await following.result).toMatchObject({ exitCode: 130, stderr: '' })
  })

  test('do not send control characters to a terminal', async () => {
    await exec('logger', '-t', 'test', 'red \u001b[31m "quoted" \u009b2J')
    const hostile = /test.*: red /
    await waitUntil(async () => hostile.test((await cliUser.run('droplet', 'logs', droplet)).stdout), {
      what: 'the hostile line in the journal',
    })
    const { stdout } = await cliUser.startAtTerminal(200, 'droplet', 'logs', droplet).result
    expect(stdout).toMatch(/red \\u001b\[31m "quoted" \\u009b2J\r\n/)
    expect((await cliUser.run('droplet', 'logs', droplet)).stdout).toContain('red \u001b[31m "quoted" \u009b2J\n')
  })

  test('of the console are the output of its init', async () => {
    expect(await cliUser.run('droplet', 'logs', droplet, '--console')).toMatchObject({ exitCode: 0, stderr: '' })
  })

  test('of an unknown droplet are rejected', async () => {
    expect(await cliUser.run('droplet', 'logs', 'cikit98')).toMatchObject({ exitCode: 1, stdout: '' })
  })

  test('that are followed end with the session and exit code 3', async () => {
    using other = createCliUser()
    await logIn(other, server, 'bob', 'viewer')
    const following = other.start('droplet', 'logs', droplet, '--follow', '--lines', '5')
    await following.stdout.waitFor(/\n/)
    await server.runCli('create-user', '-u', 'bob', '-g', 'viewer', '-r')
    expect(await following.result).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/session at .* has ended/),
    })
  })
})

describe('stats', () => {
  test('are a line per droplet, or a table for one droplet', async () => {
    await waitUntil(async () => /^cpu /m.test((await cliUser.run('droplet', 'stats', droplet)).stdout), {
      timeoutMs: 30_000,
      what: 'the first sample',
    })
    const all = await cliUser.run('droplet', 'stats')
    const [heading, ...rows] = all.stdout.trim().split('\n')
    expect(heading).toMatch(/^NAME +CPU +MEMORY +LIMIT$/)
    expect(rows).toContainEqual(
      expect.stringMatching(new RegExp(`^${droplet} +\\d+\\.\\d% +\\d+\\.\\d MiB +[\\d.]+ .iB$`)),
    )
    expect(all).toMatchObject({ exitCode: 0, stderr: '' })
    const one = await cliUser.run('droplet', 'stats', droplet)
    expect(one.stdout).toMatch(new RegExp(`^${droplet.toUpperCase()} +NOW +MINIMUM +AVERAGE +PEAK\n`))
    expect(one.stdout).toMatch(/^processes +\d+ +\d+ +\d+ +\d+$/m)
  })

  test('as JSON are the responses of the API, one per line', async () => {
    const { stdout } = await cliUser.run('droplet', 'stats', droplet, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ droplet, interval: 10 })
    const following = cliUser.start('droplet', 'stats', '--json', '--follow')
    const [lines = ''] = await following.stdout.waitFor(/^(.*\n){2}/)
    following.kill('SIGINT')
    expect((await following.result).exitCode).toBe(130)
    for (const line of lines.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ droplets: { [droplet]: { cpu: expect.any(Number) } } })
    }
  })

  test('are redrawn on a terminal until Ctrl-C', async () => {
    const following = cliUser.startAtTerminal(100, 'droplet', 'stats', '--follow')
    await following.stdout.waitFor(new RegExp(`(${CLEARED}NAME[^${ESC}]*){2}`))
    await following.typeKeys('\x03')
    expect((await following.result).exitCode).toBe(130)
  })
})

describe('console', () => {
  test('is a shell with the size of the terminal, and exits with the shell’s code', async () => {
    const console = cliUser.startAtTerminal(93, 'droplet', 'console', droplet)
    await console.stdout.waitFor(/# $/)
    await console.typeKeys('echo size: $(stty size) $((6 * 7))\r')
    await console.stdout.waitFor(/size: \d+ 93 42/)
    await console.typeKeys('exit 7\r')
    const { exitCode, stdout } = await console.result
    expect([exitCode, stdout.includes('cikit-api:')]).toEqual([7, false])
  })

  test('is left by Ctrl-], which resets terminal modes', async () => {
    const console = cliUser.startAtTerminal(93, 'droplet', 'console', droplet)
    await console.stdout.waitFor(/# $/)
    await console.typeKeys('\x1d')
    const { exitCode, stdout } = await console.result
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringMatching(new RegExp(`${ESC}\\[\\?2004l.*${ESC}\\[!p\\r*\\n?$`)),
    ])
  })

  test('reconnects to the same shell after a lost connection', async () => {
    await using proxy = await createTcpProxy(originOf(server))
    cliUser.patchSession({ url: proxy.url })
    using _ = { [Symbol.dispose]: () => cliUser.patchSession({ url: originOf(server) }) }
    const console = cliUser.startAtTerminal(93, 'droplet', 'console', droplet)
    await console.stdout.waitFor(/# $/)
    await console.typeKeys('saved=$((6 * 7))\r')
    await console.stdout.waitFor(/saved=[^\n]*\n[\s\S]*# $/)
    proxy.redirectTo('http://127.0.0.1:9')
    proxy.dropConnections()
    await console.stdout.waitFor(/cikit-api: connection lost/)
    proxy.redirectTo(originOf(server))
    await console.stdout.waitFor(new RegExp(`${ESC}\\[2J[\\s\\S]*# $`))
    await console.typeKeys('echo still $saved; exit\r')
    await console.stdout.waitFor(/still 42/)
    expect((await console.result).exitCode).toBe(0)
  })

  test('exits with 3 when the user loses the permission', async () => {
    using other = createCliUser()
    await logIn(other, server, 'eve', 'manager')
    const console = other.startAtTerminal(93, 'droplet', 'console', droplet)
    await console.stdout.waitFor(/# $/)
    await server.runCli('create-user', '-u', 'eve', '-g', 'viewer', '-r')
    const { exitCode, stdout } = await console.result
    expect([exitCode, stdout]).toEqual([3, expect.stringMatching(/cikit-api: Your session has ended, or your group/)])
  })

  test('is rejected without a terminal and for an unknown droplet', async () => {
    expect(await cliUser.run('droplet', 'console', droplet)).toEqual(
      expectedFailure(2, /droplet exec cikit\d\d -- COMMAND/),
    )
    const { exitCode, stdout } = await cliUser.startAtTerminal(93, 'droplet', 'console', 'cikit98').result
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/cikit-api: /)])
  })
})
