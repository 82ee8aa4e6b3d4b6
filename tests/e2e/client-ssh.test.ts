import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { createPerson, logIn, type Person } from '../_support/e2e/person.ts'

// Into true droplets with the ssh of this computer.

let engine: TestEngine
let matrix: Matrix
let person: Person

beforeAll(async () => {
  engine = await startEngine('cgroup2')
  matrix = await startMatrix({ socket: engine.socket })
  person = createPerson()
  await logIn(person, matrix, 'ann', 'manager')
  mkdirSync(join(person.home, '.ssh'), { mode: 0o700 })
  // This engine publishes its ports in a network of its own, where ssh has to run, too.
  mkdirSync(join(person.home, 'bin'))
  const line = engine.inItsNetwork([Bun.which('ssh') ?? 'ssh']).join(' ')
  writeFileSync(join(person.home, 'bin/ssh'), `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 })
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(person.home, '.ssh/id_ed25519')])
})
afterAll(async () => {
  person[Symbol.dispose]()
  await matrix[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})

/** ssh looks for keys where the account has its home, and nowhere else. */
const enter = (...command: string[]) => {
  const identity = join(person.home, '.ssh/id_ed25519')
  return person.run('droplet', 'ssh', 'cikit01', '--', '-i', identity, '-o', 'BatchMode=yes', ...command)
}

test('a droplet is entered when it is ready, without a question; so is another one under its port; nobody else is', async () => {
  const added = await person.run('droplet', 'add', '--wait')
  expect(added).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^cikit01 +Up .* +ready /m), stderr: '' })
  const first = await enter('hostname')
  expect(first).toEqual({ exitCode: 0, stdout: 'cikit01.matrix.test\n', stderr: '' })

  await person.run('droplet', 'rm', 'cikit01')
  expect(await person.run('droplet', 'add', '--wait')).toMatchObject({ exitCode: 0 })
  expect(await enter('hostname')).toEqual(first)
  expect(await enter('exit', '7')).toMatchObject({ exitCode: 7 })

  // Somebody answers in its place, before anybody has looked at it again.
  const newKey = 'rm /etc/ssh/ssh_host_*; ssh-keygen -q -A; systemctl restart ssh'
  await run(['docker', '-H', `unix://${engine.socket}`, 'exec', 'cikit01', 'sh', '-c', newKey])
  const refused = await enter('hostname')
  expect(refused).toMatchObject({ exitCode: 255, stdout: '' })
  expect(refused.stderr).toMatch(/Host key verification failed/)
})
