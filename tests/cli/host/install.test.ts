import { expect, test } from 'bun:test'
import { expectedFailure, runCli } from '../../testkit/cli.ts'

// Tests that need neither root nor systemd; the others are in tests/e2e/install.test.ts.

const engine = ['--docker-host', 'tcp://127.0.0.1:2375']

test('--print prints only the unit', async () => {
  const { exitCode, stdout, stderr } = await runCli(['install', '--print', ...engine])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toStartWith('# Written by `cikit-api install`')
  expect(stdout).toContain('\nExecStart=/usr/local/bin/cikit-api serve\n')
  expect(stdout).not.toContain('SupplementaryGroups')
})

test('accepts the settings of serve', async () => {
  const flags = async (command: string) =>
    [...(await runCli([command, '--help'])).stdout.matchAll(/--[a-z-]+/g)].map(([flag]) => flag).sort()
  expect(await flags('install')).toEqual([...(await flags('serve')), '--print'].sort())
})

test('reads variables as well as flags', async () => {
  const { stdout } = await runCli(['install', '--print', ...engine], { CIKIT_API_DATA_DIR: '/srv/cikit' })
  expect(stdout).toContain('\nReadWritePaths="/srv/cikit"\n')
})

test('the service can write to a backup directory outside the data directory', async () => {
  const print = async (...flags: string[]) => (await runCli(['install', '--print', ...engine, ...flags])).stdout
  expect(await print('--every', '24h', '--backup-dir', '/srv/backups')).toContain('\nReadWritePaths="/srv/backups"\n')
  expect(await print('--every', '24h')).not.toContain('ReadWritePaths')
})

test.each([
  [['--port', 'x'], /--port: "x".*65535/],
  [['--tls-cert', '/etc/hosts'], /--tls-key/],
  [['--data-dir', '/root/data'], /--data-dir \/root\/data lies below \/root/],
  [['--secret-key-file', '/tmp/key'], /--secret-key-file \/tmp\/key lies below \/tmp/],
])('rejects %p before changing anything', async (flags, message) => {
  expect(await runCli(['install', '--print', ...engine, ...flags])).toEqual(expectedFailure(2, message))
})
