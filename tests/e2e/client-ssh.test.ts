import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { type CliUser, createCliUser, logIn } from '../testkit/e2e/cli-user.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// `droplet ssh` into real droplets with this computer's ssh.

let engine: TestEngine
let server: ServerProcess
let cliUser: CliUser

beforeAll(async () => {
  engine = await startEngine('cgroup2')
  server = await startServerProcess({ socket: engine.socket })
  cliUser = createCliUser()
  await logIn(cliUser, server, 'ann', 'manager')
  mkdirSync(join(cliUser.home, '.ssh'), { mode: 0o700 })
  // This engine publishes ports in its own network namespace, so ssh must run in it.
  mkdirSync(join(cliUser.home, 'bin'))
  const sshCommand = engine.inEngineNetwork([Bun.which('ssh') ?? 'ssh']).join(' ')
  writeFileSync(join(cliUser.home, 'bin/ssh'), `#!/bin/sh\nexec ${sshCommand} "$@"\n`, { mode: 0o755 })
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(cliUser.home, '.ssh/id_ed25519')])
})
afterAll(async () => {
  cliUser[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

/** ssh ignores $HOME and looks for keys in the account's home directory, so the key is named explicitly. */
const sshIntoDroplet = (...command: string[]) => {
  const identity = join(cliUser.home, '.ssh/id_ed25519')
  return cliUser.run('droplet', 'ssh', 'cikit01', '--', '-i', identity, '-o', 'BatchMode=yes', ...command)
}

test('enters a ready droplet without a question, also a new one on the same port, but rejects a changed host key', async () => {
  const added = await cliUser.run('droplet', 'add', '--wait')
  expect(added).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^cikit01 +Up .* +ready /m), stderr: '' })
  const first = await sshIntoDroplet('hostname')
  expect(first).toEqual({ exitCode: 0, stdout: 'cikit01.matrix.test\n', stderr: '' })

  await cliUser.run('droplet', 'rm', 'cikit01')
  expect(await cliUser.run('droplet', 'add', '--wait')).toMatchObject({ exitCode: 0 })
  expect(await sshIntoDroplet('hostname')).toEqual(first)
  expect(await sshIntoDroplet('exit', '7')).toMatchObject({ exitCode: 7 })

  // Another host key appears on the port before the next probe.
  const newKey = 'rm /etc/ssh/ssh_host_*; ssh-keygen -q -A; systemctl restart ssh'
  await run(['docker', '-H', `unix://${engine.socket}`, 'exec', 'cikit01', 'sh', '-c', newKey])
  const rejected = await sshIntoDroplet('hostname')
  expect(rejected).toMatchObject({ exitCode: 255, stdout: '' })
  expect(rejected.stderr).toMatch(/Host key verification failed/)
})
