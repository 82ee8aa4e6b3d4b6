import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pollUntil } from '../../scripts/lib/run.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { currentCode } from '../testkit/e2e/server-process.ts'
import { HOST_BINARY, type SystemdHost, startSystemdHost } from '../testkit/e2e/systemd-host.ts'

// A systemd host from the first install to the uninstall. Each test continues where the previous one ended.

const API = 'http://127.0.0.1:1337/api/v1'
const DATA_DIR = '/var/lib/cikit-api'
/** In units of `systemd-analyze security`: 0 is fully sandboxed, 100 not at all. */
const EXPOSURE_LIMIT = 14

let engine: TestEngine
let host: SystemdHost
let secret: string

beforeAll(async () => {
  engine = await startEngine('host')
  host = await startSystemdHost(engine)
})
afterAll(async () => {
  await engine.removeContainers()
  await engine.stop()
})

const install = (...flags: string[]) => host.tryExec(HOST_BINARY, 'install', ...flags)
const mainPid = async () => (await host.exec('systemctl', 'show', '-P', 'MainPID', 'cikit-api')).trim()
const listOwners = (path: string) => host.shell(`find ${path} -printf '%u %m %P\n' | sort`)
const nothingToDoResult = {
  exitCode: 0,
  stdout: expect.stringMatching(/^Nothing to do: .*already serves on http/),
  stderr: '',
}

test('rejects a socket whose group has no name, changes nothing and prints the remedy', async () => {
  const rejected = await install()
  expect(rejected).toMatchObject({ exitCode: 1, stdout: '' })
  const remedy = /groupadd --system --gid \d+ docker$/m.exec(rejected.stderr)?.[0] ?? ''
  expect(
    await host.shell('ls /etc/cikit-api /usr/local/bin 2>/dev/null; getent passwd cikit-api || true'),
  ).not.toContain('cikit-api')
  await host.shell(remedy)
})

test('rejects data of another user and data that is being served', async () => {
  await host.shell(`install -d -o nobody ${DATA_DIR}`)
  expect(await install()).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/belongs to nobody: .*chown root/),
  })
  await host.shell(`chown root ${DATA_DIR}`)
  await host.shell(`systemd-run -q -u by-hand ${HOST_BINARY} serve`)
  expect(
    await pollUntil(20_000, async () => (await host.tryExec('test', '-e', `${DATA_DIR}/serve.json`)).exitCode === 0),
  ).toBe(true)
  const alreadyServed = expect.stringMatching(
    /^cikit-api: Process \d+ already serves .* on http:.*1337\/: stop it first\n$/,
  )
  expect(await install()).toEqual({ exitCode: 1, stdout: '', stderr: alreadyServed })
  await host.exec('systemctl', 'stop', 'by-hand')
})

test('install creates a running service and takes over data that root created', async () => {
  await host.exec(HOST_BINARY, 'create-user', '-u', 'early', '-g', 'viewer', '--json')
  const { exitCode, stdout, stderr } = await install('--domain', 'matrix.test')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain('Created  the user cikit-api; the service is also in the group docker')
  expect(stdout).toContain(`Changed  ${DATA_DIR}: owner changed from root`)
  expect(stdout).toContain('listening on http://127.0.0.1:1337/')
  expect(await host.exec('systemctl', 'is-enabled', 'cikit-api')).toBe('enabled\n')
  expect(await host.shell(`curl -s ${API}/user/list`)).toContain('908')
  expect((await listOwners(DATA_DIR)).split('\n').filter(line => line && !/^cikit-api (600|700) /.test(line))).toEqual(
    [],
  )
  expect(await listOwners('/etc/cikit-api/cikit-api.env')).toBe('root 600 \n')
  expect((await host.exec('getent', 'passwd', 'cikit-api')).trim()).toEndWith(`:${DATA_DIR}:/usr/sbin/nologin`)
})

test('the unit is valid and its exposure is low', async () => {
  const unit = '/etc/systemd/system/cikit-api.service'
  expect(await host.tryExec('systemd-analyze', 'verify', unit)).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  const security = ['security', '--offline=true', `--threshold=${EXPOSURE_LIMIT}`, '--no-pager', unit]
  expect(await host.tryExec('systemd-analyze', ...security)).toMatchObject({ exitCode: 0 })
  const { stdout } = await host.tryExec(HOST_BINARY, 'install', '--print')
  expect(stdout).toBe(await host.exec('cat', unit))
})

test('the process has no capabilities, and everything but its data is read-only', async () => {
  const status = await host.shell(`cat /proc/${await mainPid()}/status`)
  expect(status).toMatch(/^CapBnd:\t0+$/m)
  expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  expect(status).toMatch(/^Seccomp:\t2$/m)
  const mounts = (await host.shell(`cat /proc/${await mainPid()}/mountinfo`)).split('\n').map(line => line.split(' '))
  const optionsAt = (path: string) => mounts.findLast(fields => fields[4] === path)?.[5]
  expect(optionsAt('/')).toMatch(/^ro,/)
  expect(optionsAt(DATA_DIR)).toMatch(/^rw,/)
})

test('root creates the owner, who logs in and lists droplets', async () => {
  const created = await host.exec('cikit-api', 'create-user', '-u', 'ann', '-g', 'owner', '--json')
  secret = JSON.parse(created).secret
  expect(await listOwners(`${DATA_DIR}/cikit-api.db`)).toBe('cikit-api 600 \n')
  const token = await logIn()
  expect(await host.shell(`curl -s ${API}/droplet/list -H 'Authorization: Bearer ${token}'`)).toBe('[]')
})

test('a second install does nothing and keeps the process', async () => {
  const before = await mainPid()
  expect(await install()).toEqual(nothingToDoResult)
  expect(await install('--domain', 'matrix.test')).toEqual(nothingToDoResult)
  expect(await mainPid()).toBe(before)
})

test('systemd restarts the service after kill -9', async () => {
  const before = await mainPid()
  await host.exec('kill', '-9', before)
  const isBack = async () =>
    ![before, '0'].includes(await mainPid()) && (await host.tryExec('curl', '-s', API)).exitCode === 0
  expect(await pollUntil(20_000, isBack)).toBe(true)
  expect(await install()).toEqual(nothingToDoResult)
})

test('a changed setting, by flag or by hand, restarts the service and keeps the other settings', async () => {
  expect((await install('--port', '1400')).stdout).toContain('listening on http://127.0.0.1:1400/')
  const file = '/etc/cikit-api/cikit-api.env'
  expect(await host.exec('cat', file)).toEndWith('\nCIKIT_API_DOMAIN=matrix.test\nCIKIT_API_PORT=1400\n')
  await host.shell(`sed -i s/1400/1337/ ${file}`)
  expect((await install()).stdout).toContain('listening on http://127.0.0.1:1337/')
  expect(await install()).toEqual(nothingToDoResult)
})

test('rejects a key that the service cannot read, with a remedy that works', async () => {
  await host.shell(`mkdir -p -m 0700 /etc/ssl/private && cd /etc/ssl/private &&
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=matrix.test -keyout m.key -out m.crt`)
  const flags = ['--tls-cert', '/etc/ssl/private/m.crt', '--tls-key', '/etc/ssl/private/m.key']
  for (const flag of ['--tls-cert', '--tls-key']) {
    const rejected = await install(...flags)
    expect(rejected).toMatchObject({ exitCode: 2, stdout: '' })
    const [, remedy = ''] =
      new RegExp(`${flag} .* cannot be read by the service's user cikit-api.* access with (.*)`).exec(
        rejected.stderr,
      ) ?? []
    await host.shell(remedy)
  }
  expect(await host.exec('stat', '-c', '%a %G', '/etc/ssl/private/m.key')).toBe('640 ssl-cert\n')
  expect((await install(...flags)).stdout).toContain('listening on https://0.0.0.0:1337/')
})

test('shows the error of a service that does not start', async () => {
  await host.shell('cp /etc/ssl/private/m.crt /root/; echo broken > /etc/ssl/private/m.crt')
  const { exitCode, stderr } = await install('--prefix', 'cikit')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^cikit-api: cikit-api.service does not start: --tls-cert .*m\.crt.*\n$/)
  await host.shell('cat /root/m.crt > /etc/ssl/private/m.crt')
  expect((await install()).stdout).toContain('listening on https://0.0.0.0:1337/')
})

test('uninstall keeps data and settings, and another install uses them', async () => {
  await host.exec('cp', '/usr/local/bin/cikit-api', '/usr/local/bin/cikit-api.previous')
  expect(await host.tryExec('cikit-api', 'uninstall')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await host.shell('ls /usr/local/bin /etc/systemd/system')).not.toContain('cikit-api')
  expect((await host.tryExec('systemctl', 'is-active', 'cikit-api')).stdout).toBe('inactive\n')
  const again = await host.tryExec(HOST_BINARY, 'uninstall')
  expect(again).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^Nothing to do: .*\nKept .*cikit-api.env/),
  })
  expect(await listOwners(`${DATA_DIR}/cikit-api.db`)).toBe('cikit-api 600 \n')
  expect((await install()).stdout).toContain('listening on https://0.0.0.0:1337/')
  expect(await host.exec('cikit-api', 'user', 'list')).toMatch(/early.*\n.*ann/)
})

async function logIn(): Promise<string> {
  const body = JSON.stringify({ username: 'ann', code: await currentCode(secret) })
  const response = await host.shell(`curl -s ${API}/user/auth -H 'Content-Type: application/json' -d '${body}'`)
  return JSON.parse(response).access_token
}
