import { afterAll, beforeAll, expect, test } from 'bun:test'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary, root } from '../../scripts/lib/paths.ts'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { currentCode } from '../testkit/e2e/server-process.ts'
import { type SystemdHost, startSystemdHost } from '../testkit/e2e/systemd-host.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// The role in deploy/ansible over ssh, with the variables of CIKit's launcher. Each test continues where the previous
// one ended.

const OLD_SERVER_DIR = '/var/www/cikit-rest-api'
const dir = tempDir()
const path = (name: string) => join(dir.path, name)
const certificate = path('certificates/matrix.crt')
let engine: TestEngine
let host: SystemdHost
/** The output of the first run. */
let deployOutput: string
let secret: string

beforeAll(async () => {
  engine = await startEngine('host')
  host = await startSystemdHost(engine)
  await host.createSocketGroup()
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path('id')])
  const key = readFileSync(path('id.pub'), 'utf8').trim()
  await host.shell(`umask 077; mkdir -p /root/.ssh; echo '${key}' > /root/.ssh/authorized_keys`)
  const line = `matrix ansible_host=${host.address} ansible_user=root ansible_ssh_private_key_file=${path('id')}`
  writeFileSync(path('inventory'), `${line} ansible_python_interpreter=/usr/bin/python3\n`)
  mkdirSync(path('certificates'))
  await run(
    ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=matrix.test'].concat([
      '-addext',
      'subjectAltName=DNS:matrix.test',
      '-keyout',
      path('certificates/matrix.key'),
      '-out',
      certificate,
    ]),
  )
})
afterAll(async () => {
  await engine.removeContainers()
  await engine.stop()
  dir[Symbol.dispose]()
})

/** `CIKIT_TAGS=TAGS cikit matrix/provision --limit=matrix FLAGS`, without CIKit's other roles. */
async function provision(tags: string, flags: Record<string, unknown>): Promise<string> {
  const extra = JSON.stringify({ limit: 'matrix', domain: 'matrix.test', ...flags })
  const playbook = join(root, 'deploy/ansible/matrix.yml')
  return await run(
    ['ansible-playbook', playbook, '-i', path('inventory'), '-l', 'matrix', '-t', tags, '-e', extra, '-v'],
    {
      env: {
        HOME: dir.path,
        LC_ALL: 'C.UTF-8',
        ANSIBLE_HOST_KEY_CHECKING: 'False',
        ANSIBLE_PIPELINING: '1',
        ANSIBLE_NOCOLOR: '1',
      },
    },
  )
}

const changedCount = (output: string) => Number(/changed=(\d+)/.exec(output)?.[1])
const mainPid = async () => (await host.exec('systemctl', 'show', '-P', 'MainPID', 'cikit-api')).trim()

/** Calls the API over HTTPS and verifies the deployed certificate. */
async function call(route: string, ...flags: string[]) {
  const name = ['--cacert', certificate, '--resolve', `matrix.test:1337:${host.address}`]
  return JSON.parse(await run(['curl', '-s', ...name, ...flags, `https://matrix.test:1337/api/v1${route}`]))
}

async function logIn(): Promise<string> {
  const body = JSON.stringify({ username: 'admin', code: await currentCode(secret) })
  return (await call('/user/auth', '-H', 'Content-Type: application/json', '-d', body)).access_token
}

test('a run replaces the Node.js server with the API and TLS', async () => {
  await startOldServer()
  deployOutput = await provision('api,ssl', { rest_api: true, ssl_src: path('certificates'), api_binary: binary })
  expect(await call('/user/list')).toMatchObject({ errorId: 908 })
  expect(await host.exec('stat', '-c', '%a %G', '/etc/ssl/private/matrix.key')).toBe('640 ssl-cert\n')
  expect(await host.exec('cat', '/etc/cikit-api/cikit-api.env')).toContain('\nCIKIT_API_DOMAIN=matrix.test\n')
  expect(await host.shell('ls -A /usr/local/bin')).toBe('cikit-api\n')
})

test('the Node.js server is stopped permanently and its files stay', async () => {
  expect((await host.tryExec('pgrep', '-x', 'cikit-rest-api')).stdout).toBe('')
  expect((await host.tryExec('systemctl', 'is-enabled', 'cikit-rest-api')).stdout).toBe('disabled\n')
  expect((await host.tryExec('systemctl', 'is-active', 'bystander')).stdout).toBe('active\n')
  expect(await host.exec('ls', OLD_SERVER_DIR)).toContain('index.html')
})

test('the owner logs in with the credentials, which are printed once', async () => {
  secret = /"secret": "([A-Z2-7]{32})"/.exec(deployOutput)?.[1] ?? ''
  // Once by itself, and once in the otpauth URL.
  expect(deployOutput.match(new RegExp(secret, 'g'))).toHaveLength(2)
  expect(deployOutput.match(/"[a-z2-7]{4}(-[a-z2-7]{4}){3}"/g)).toHaveLength(10)
  expect(await call('/user/list', '-H', `Authorization: Bearer ${await logIn()}`)).toMatchObject([
    { username: 'admin', group: 'owner' },
  ])
})

test('a second run changes nothing and prints no credentials', async () => {
  const before = await mainPid()
  const again = await provision('api,ssl', { rest_api: true, ssl_src: path('certificates'), api_binary: binary })
  expect(again).toMatch(/changed=0 .*failed=0/)
  expect(again).not.toContain('secret')
  expect(await mainPid()).toBe(before)
})

test('an update from a URL replaces the binary and restarts it, and keeps certificate, settings and data', async () => {
  const [before, database] = [await mainPid(), await host.exec('stat', '-c', '%i', '/var/lib/cikit-api/cikit-api.db')]
  copyFileSync(binary, path('other'))
  writeFileSync(path('other'), '\n', { flag: 'a' })
  const gateway = (await host.shell("ip route show default | cut -d' ' -f3")).trim()
  using server = Bun.serve({ hostname: gateway, port: 0, fetch: () => new Response(Bun.file(path('other'))) })
  const api_url = `http://${gateway}:${server.port}/cikit-api`
  const api_sha256 = new Bun.CryptoHasher('sha256').update(readFileSync(path('other'))).digest('hex')
  const updated = await provision('api', { rest_api: 'deploy', api_url, api_sha256 })
  expect(changedCount(updated)).toBeGreaterThan(0)
  expect(await mainPid()).not.toBe(before)
  expect(await host.shell('sha256sum /usr/local/bin/cikit-api')).toStartWith(api_sha256)
  const binarySum = new Bun.CryptoHasher('sha256').update(readFileSync(binary)).digest('hex')
  expect(await host.shell('sha256sum /usr/local/bin/cikit-api.previous')).toStartWith(binarySum)
  expect(await host.exec('stat', '-c', '%i', '/var/lib/cikit-api/cikit-api.db')).toBe(database)
  expect(await call('/user/list')).toMatchObject({ errorId: 908 })
  expect(changedCount(await provision('api', { rest_api: 'deploy', api_url, api_sha256 }))).toBe(0)
})

/** Starts programs named like the old server: one in the background, as CIKit started it, and one as a systemd unit. */
async function startOldServer(): Promise<void> {
  const program = `${OLD_SERVER_DIR}/cikit-rest-api`
  await host.shell(
    `mkdir -p ${OLD_SERVER_DIR} && cd ${OLD_SERVER_DIR} && echo old > index.html && ln -s /usr/bin/python3 ${program}`,
  )
  const unit = ['[Service]', `ExecStart=${program} -c "import time; time.sleep(1e6)"`, 'Restart=always']
  const text = [...unit, '[Install]', 'WantedBy=multi-user.target'].join('\\n')
  await host.shell(`printf '${text}' > /etc/systemd/system/cikit-rest-api.service
    systemctl enable -q --now cikit-rest-api; systemd-run -q -u bystander sleep 100000`)
  await host.start(program, '-m', 'http.server', '-d', OLD_SERVER_DIR, '1337')
  const isOldServerServing = async () =>
    (await host.tryExec('curl', '-sf', 'http://127.0.0.1:1337/')).stdout === 'old\n'
  expect(await pollUntil(20_000, isOldServerServing)).toBe(true)
}
