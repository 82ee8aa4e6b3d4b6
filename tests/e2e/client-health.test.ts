import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DropletBody } from '../../src/droplets/schema.ts'
import { expectedFailure } from '../testkit/cli.ts'
import { dropletBody } from '../testkit/droplets/droplet-body.ts'
import { doneBody } from '../testkit/droplets/operation-body.ts'
import { type CliUser, createCliUser } from '../testkit/e2e/cli-user.ts'

// How the CLI handles health and host keys from a server. The server is a stub with canned responses.

let cliUser: CliUser
let server: ReturnType<typeof Bun.serve>
/** Successive responses of the list; the last one repeats. */
let listResponses: Partial<DropletBody>[] = []
let requests: string[] = []

beforeEach(() => {
  cliUser = createCliUser()
  requests = []
  server = Bun.serve({
    port: 0,
    fetch({ method, url }) {
      const { pathname } = new URL(url)
      requests.push(`${method} ${pathname.replace('/api/v1', '')}`)
      if (!pathname.endsWith('/list')) return Response.json(doneBody({ droplet: 'cikit01' }), { status: 202 })
      const [droplet] = listResponses.length > 1 ? listResponses.splice(0, 1) : listResponses
      return Response.json([droplet])
    },
  })
  const { url } = server
  const session = { accessToken: 'a', refreshToken: 'r', accessExpiresAt: Date.now() + 3_600_000 }
  mkdirSync(dirname(cliUser.sessionFile), { recursive: true })
  writeFileSync(cliUser.sessionFile, JSON.stringify({ url: url.origin, username: 'ann', ...session }))
})
afterEach(async () => {
  await server.stop(true)
  cliUser[Symbol.dispose]()
})

const booting = dropletBody({ health: 'booting' })
const ready = dropletBody({ health: 'ready' })

describe('--wait', () => {
  test.each(['add', 'start', 'restart'])('droplet %s waits until the droplet is ready', async change => {
    listResponses = [booting, ready]
    const { exitCode, stdout, stderr } = await cliUser.run(...argsFor(change), '--wait')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^cikit01 +Up 8 minutes +ready +9 minutes ago +2201$/m)
    expect(requests.slice(1)).toEqual(Array(2).fill('GET /droplet/list'))
  })

  test.each(['stop', 'rm', 'add'])('droplet %s does not wait until the droplet is ready', async change => {
    listResponses = [booting]
    // `add` waits only with --wait; after `stop` and `rm` there is nothing to wait for.
    const args = change === 'add' ? argsFor(change) : [...argsFor(change), '--wait']
    expect(await cliUser.run(...args)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(requests.slice(1)).toEqual(['GET /droplet/list'])
  })

  test('exits with 1 when the droplet is degraded', async () => {
    listResponses = [{ ...booting, health: 'degraded' }]
    expect(await cliUser.run('droplet', 'start', 'cikit01', '--wait')).toEqual(
      expectedFailure(1, /cikit01 is degraded/),
    )
  })

  test('shows progress on a terminal, and Ctrl-C stops waiting', async () => {
    listResponses = [booting]
    const waiting = cliUser.startAtTerminal(80, 'droplet', 'start', 'cikit01', '--wait')
    await waiting.stdout.waitFor(/\rcikit01: booting, 0 s/)
    await waiting.typeKeys('\x03')
    const { exitCode, stdout } = await waiting.result
    expect(exitCode).toBe(130)
    expect(stdout).toMatch(/cikit-api: cikit01 is not ready yet: see cikit-api droplet ls\r\n$/)
  })
})

describe('the list', () => {
  test('shows health if the server sends it', async () => {
    listResponses = [{ ...booting, status: 'Up \u009b2J' }]
    const { stdout } = await cliUser.run('droplet', 'ls')
    expect(stdout).toBe(
      'NAME     STATUS       HEALTH   CREATED        SSH\ncikit01  Up \\u009b2J  booting  9 minutes ago  2201\n',
    )
  })

  test('has no health column for older servers', async () => {
    const { health: _, ...older } = booting
    listResponses = [older]
    expect((await cliUser.run('droplet', 'ls')).stdout).toStartWith('NAME     STATUS        CREATED        SSH\n')
  })
})

describe('ssh', () => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbtjyO8tqhXrH0rhMbWjXwMhv7fJZIsuxj9sR0MZ7Yy'
  const withKey = (host_key: string) =>
    dropletBody({ ssh: { command: 'ssh -p 2201 root@matrix.test', host_key, fingerprint: null } })

  /** Replaces ssh by a script, which gets the arguments as `$@`. */
  function fakeSsh(script: string): void {
    mkdirSync(join(cliUser.home, 'bin'))
    writeFileSync(join(cliUser.home, 'bin/ssh'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(cliUser.home, 'bin/ssh'), 0o755)
  }
  const leftovers = () => readdirSync(cliUser.home).filter(name => name.startsWith('cikit-api-'))

  test('trusts the host key from the server for this connection only', async () => {
    listResponses = [withKey(key)]
    fakeSsh(`printf '%s\\n' "$@"
file=$(printf '%s\\n' "$@" | sed -n 's/^UserKnownHostsFile="\\(.*\\)"$/\\1/p')
stat -c %a "$file" "$(dirname "$file")"; cat "$file"; exit 5`)
    const { exitCode, stdout } = await cliUser.run('droplet', 'ssh', 'cikit01', '--', 'uname', '-a')
    expect(exitCode).toBe(5)
    const settings = [
      expect.stringMatching(/^UserKnownHostsFile="\/.*\/known_hosts"$/),
      'GlobalKnownHostsFile=/dev/null',
      'HostKeyAlias=cikit01-7e16c2cb0bf6',
      'StrictHostKeyChecking=yes',
      'CheckHostIP=no',
      'VerifyHostKeyDNS=no',
    ]
    expect(stdout.trim().split('\n')).toEqual([
      ...settings.flatMap(setting => ['-o', setting]),
      ...['-p', '2201', 'root@localhost', 'uname', '-a'],
      ...['600', '700', `cikit01-7e16c2cb0bf6 ${key}`],
    ])
    expect(leftovers()).toEqual([])
  })

  test('passes SIGTERM to ssh, waits for it and removes its temporary files', async () => {
    listResponses = [withKey(key)]
    fakeSsh(`trap 'echo terminating; exit 9' TERM; echo started; while :; do sleep 0.05; done`)
    const sshRun = cliUser.start('droplet', 'ssh', 'cikit01')
    await sshRun.stdout.waitFor(/started/)
    expect(leftovers()).toHaveLength(1)
    sshRun.kill('SIGTERM')
    expect(await sshRun.result).toMatchObject({ exitCode: 9, stdout: 'started\nterminating\n' })
    expect(leftovers()).toEqual([])
  })

  test.each(['* ssh-ed25519 AAAA', `${key}\n* ${key}`, '@cert-authority', 'ssh-ed25519 AAAA extra'])(
    'does not run with the invalid host key %j',
    async invalidKey => {
      listResponses = [withKey(invalidKey)]
      fakeSsh('echo run')
      expect(await cliUser.run('droplet', 'ssh', 'cikit01')).toEqual(
        expectedFailure(1, /reported an invalid host key for this droplet/),
      )
    },
  )
})

function argsFor(change: string): string[] {
  return change === 'add' ? ['droplet', 'add'] : ['droplet', change, 'cikit01']
}
