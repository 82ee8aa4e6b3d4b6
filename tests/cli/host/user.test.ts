import { expect, test } from 'bun:test'
import { expectedFailure, runCli } from '../../testkit/cli.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'

async function createHost() {
  const dir = memoryDir()
  const run = (...args: string[]) => runCli([...args, '--data-dir', dir.path])
  await run('create-user', '-u', 'ann', '-g', 'owner')
  await run('create-user', '-u', 'bob', '-g', 'viewer')
  return { run, [Symbol.dispose]: dir[Symbol.dispose] }
}

test('user list shows users without secrets, oldest first', async () => {
  using host = await createHost()
  const { exitCode, stdout, stderr } = await host.run('user', 'list')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout.split('\n').map(line => line.trim().split(/ +/).slice(0, 2))).toEqual([
    ['USERNAME', 'GROUP'],
    ['ann', 'owner'],
    ['bob', 'viewer'],
    [''],
  ])
  expect(stdout).not.toMatch(/[A-Z2-7]{32}/)
})

test('user list --json prints one array, as the API does', async () => {
  using host = await createHost()
  const { stdout } = await host.run('user', 'list', '--json')
  const created = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  expect(JSON.parse(stdout)).toEqual([
    { id: expect.any(String), username: 'ann', group: 'owner', created },
    { id: expect.any(String), username: 'bob', group: 'viewer', created },
  ])
})

test('user delete deletes only that user', async () => {
  using host = await createHost()
  expect(await host.run('user', 'delete', 'bob')).toEqual({ exitCode: 0, stdout: 'Deleted bob\n', stderr: '' })
  const { stdout } = await host.run('user', 'list')
  expect(stdout).toContain('ann')
  expect(stdout).not.toContain('bob')
})

test.each([
  ['carl', /not found/],
  ['Bob', /not found/],
  ['ann', /owner cannot be deleted/],
])('user delete %s is rejected', async (name, message) => {
  using host = await createHost()
  expect(await host.run('user', 'delete', name)).toEqual(expectedFailure(1, message))
  const { stdout } = await host.run('user', 'list')
  expect(stdout).toMatch(/ann[\s\S]*bob/)
})

test('rotate-key reports the number of secrets and is audited', async () => {
  using host = await createHost()
  const { exitCode, stdout, stderr } = await host.run('rotate-key')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toStartWith('Re-encrypted 2 secrets with a new key. ')
  expect((await host.run('audit', '--action', 'rotate-key')).stdout).toMatch(/rotate-key +- +ok/)
})
