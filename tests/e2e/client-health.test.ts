import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DropletBody } from '../../src/droplets/model.ts'
import { refusedWith } from '../_support/cli.ts'
import { dropletBody } from '../_support/droplet-body.ts'
import { createPerson, type Person } from '../_support/e2e/person.ts'
import { doneBody } from '../_support/operation-body.ts'

// What the client makes of what a server tells of its droplets. The server is the test's own, and tells whatever is wanted.

let person: Person
let server: ReturnType<typeof Bun.serve>
/** What is listed, one after another; the last one stays. */
let lists: Partial<DropletBody>[] = []
let asked: string[] = []

beforeEach(() => {
  person = createPerson()
  asked = []
  server = Bun.serve({
    port: 0,
    fetch({ method, url }) {
      const { pathname } = new URL(url)
      asked.push(`${method} ${pathname.replace('/api/v1', '')}`)
      if (!pathname.endsWith('/list')) return Response.json(doneBody({ droplet: 'cikit01' }), { status: 202 })
      const [droplet] = lists.length > 1 ? lists.splice(0, 1) : lists
      return Response.json([droplet])
    },
  })
  const { url } = server
  const session = { accessToken: 'a', refreshToken: 'r', accessExpiresAt: Date.now() + 3_600_000 }
  mkdirSync(dirname(person.sessionFile), { recursive: true })
  writeFileSync(person.sessionFile, JSON.stringify({ url: url.origin, username: 'ann', ...session }))
})
afterEach(async () => {
  await server.stop(true)
  person[Symbol.dispose]()
})

const booting = dropletBody({ health: 'booting' })
const ready = dropletBody({ health: 'ready' })

describe('--wait', () => {
  test.each(['add', 'start', 'restart'])('droplet %s waits until the droplet is ready', async change => {
    lists = [booting, ready]
    const { exitCode, stdout, stderr } = await person.run(...wordsOf(change), '--wait')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^cikit01 +Up 8 minutes +ready +9 minutes ago +2201$/m)
    expect(asked.slice(1)).toEqual(Array(2).fill('GET /droplet/list'))
  })

  test.each(['stop', 'rm', 'add'])('droplet %s does not, where there is nothing to wait for', async change => {
    lists = [booting]
    const words = change === 'add' ? wordsOf(change) : [...wordsOf(change), '--wait']
    expect(await person.run(...words)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(asked.slice(1)).toEqual(['GET /droplet/list'])
  })

  test('one that is degraded is told as such, with exit 1', async () => {
    lists = [{ ...booting, health: 'degraded' }]
    expect(await person.run('droplet', 'start', 'cikit01', '--wait')).toEqual(refusedWith(1, /cikit01 is degraded/))
  })

  test('a terminal shows that it boots, and Ctrl-C leaves it to that', async () => {
    lists = [booting]
    const waiting = person.startAtTerminal(80, 'droplet', 'start', 'cikit01', '--wait')
    await waiting.stdout.has(/\rcikit01: boots, 0 s/)
    await waiting.type('\x03')
    const { exitCode, stdout } = await waiting.ended
    expect(exitCode).toBe(130)
    expect(stdout).toMatch(/cikit-api: cikit01 is not ready yet: see cikit-api droplet ls\r\n$/)
  })
})

describe('the list', () => {
  test('shows health where the server tells it', async () => {
    lists = [{ ...booting, status: 'Up \u009b2J' }]
    const { stdout } = await person.run('droplet', 'ls')
    expect(stdout).toBe(
      'NAME     STATUS       HEALTH   CREATED        SSH\ncikit01  Up \\u009b2J  booting  9 minutes ago  2201\n',
    )
  })

  test('has no such column for a server that does not', async () => {
    const { health: _, ...older } = booting
    lists = [older]
    expect((await person.run('droplet', 'ls')).stdout).toStartWith('NAME     STATUS        CREATED        SSH\n')
  })
})

describe('ssh', () => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbtjyO8tqhXrH0rhMbWjXwMhv7fJZIsuxj9sR0MZ7Yy'
  const withKey = (host_key: string) =>
    dropletBody({ ssh: { command: 'ssh -p 2201 root@matrix.test', host_key, fingerprint: null } })

  /** In its place, for which it gets its words as `$@`. */
  function fakeSsh(script: string): void {
    mkdirSync(join(person.home, 'bin'))
    writeFileSync(join(person.home, 'bin/ssh'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(person.home, 'bin/ssh'), 0o755)
  }
  const leftOver = () => readdirSync(person.home).filter(name => name.startsWith('cikit-api-'))

  test('knows the key that the server tells, for this connection alone', async () => {
    lists = [withKey(key)]
    fakeSsh(`printf '%s\\n' "$@"
file=$(printf '%s\\n' "$@" | sed -n 's/^UserKnownHostsFile="\\(.*\\)"$/\\1/p')
stat -c %a "$file" "$(dirname "$file")"; cat "$file"; exit 5`)
    const { exitCode, stdout } = await person.run('droplet', 'ssh', 'cikit01', '--', 'uname', '-a')
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
    expect(leftOver()).toEqual([])
  })

  test('leaves nothing behind when it is ended from outside, and lets ssh end', async () => {
    lists = [withKey(key)]
    fakeSsh(`trap 'echo asked to end; exit 9' TERM; echo begun; while :; do sleep 0.05; done`)
    const entering = person.start('droplet', 'ssh', 'cikit01')
    await entering.stdout.has(/begun/)
    expect(leftOver()).toHaveLength(1)
    entering.kill('SIGTERM')
    expect(await entering.ended).toMatchObject({ exitCode: 9, stdout: 'begun\nasked to end\n' })
    expect(leftOver()).toEqual([])
  })

  test.each(['* ssh-ed25519 AAAA', `${key}\n* ${key}`, '@cert-authority', 'ssh-ed25519 AAAA extra'])(
    'is not run with a key that is none: %j',
    async wrong => {
      lists = [withKey(wrong)]
      fakeSsh('echo run')
      expect(await person.run('droplet', 'ssh', 'cikit01')).toEqual(
        refusedWith(1, /host key for this droplet that is none/),
      )
    },
  )
})

function wordsOf(change: string): string[] {
  return change === 'add' ? ['droplet', 'add'] : ['droplet', change, 'cikit01']
}
