import { expect, test } from 'bun:test'
import { expectedFailure, runCli } from '../../testkit/cli.ts'

// What needs neither root nor systemd; the rest is in tests/e2e/install.test.ts.

const engine = ['--docker-host', 'tcp://127.0.0.1:2375']

test('--print is the unit, and nothing else', async () => {
  const { exitCode, stdout, stderr } = await runCli(['install', '--print', ...engine])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toStartWith('# Written by `cikit-api install`')
  expect(stdout).toContain('\nExecStart=/usr/local/bin/cikit-api serve\n')
  expect(stdout).not.toContain('SupplementaryGroups')
})

test('its settings are those of serve', async () => {
  const flags = async (command: string) =>
    [...(await runCli([command, '--help'])).stdout.matchAll(/--[a-z-]+/g)].map(([flag]) => flag).sort()
  expect(await flags('install')).toEqual([...(await flags('serve')), '--print'].sort())
})

test('a variable counts as its flag does', async () => {
  const { stdout } = await runCli(['install', '--print', ...engine], { CIKIT_API_DATA_DIR: '/srv/cikit' })
  expect(stdout).toContain('\nReadWritePaths="/srv/cikit"\n')
})

test('the service may write to where its backups go, when that is elsewhere', async () => {
  const print = async (...words: string[]) => (await runCli(['install', '--print', ...engine, ...words])).stdout
  expect(await print('--every', '24h', '--backup-dir', '/srv/backups')).toContain('\nReadWritePaths="/srv/backups"\n')
  expect(await print('--every', '24h')).not.toContain('ReadWritePaths')
})

test.each([
  [['--port', 'x'], /--port: "x".*65535/],
  [['--tls-cert', '/etc/hosts'], /--tls-key/],
  [['--data-dir', '/root/data'], /--data-dir \/root\/data lies below \/root/],
  [['--secret-key-file', '/tmp/key'], /--secret-key-file \/tmp\/key lies below \/tmp/],
])('%p is refused before anything is done', async (words, message) => {
  expect(await runCli(['install', '--print', ...engine, ...words])).toEqual(expectedFailure(2, message))
})
