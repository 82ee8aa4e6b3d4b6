import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.ts'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { debianProgram } from '../testkit/e2e/debian-package.ts'
import { currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { readEventStream } from '../testkit/events/event-stream-reader.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// The proxy configurations in deploy/ with Debian's nginx and Caddy, other addresses and a test certificate.

const dir = tempDir()
const cert = join(dir.path, 'cert.pem')
const key = join(dir.path, 'key.pem')

beforeAll(async () => {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject])
})
afterAll(() => dir[Symbol.dispose]())

/** Writes the configuration of a proxy on this port. @returns the proxy's command line */
type StartProxy = (port: number, upstream: string) => Promise<string[]>

const startNginx: StartProxy = async (port, upstream) => {
  const site = adaptedConfig('nginx.conf', [
    [/^ +listen \[::\].*\n/gm, ''],
    [/listen 443 /g, `listen 127.0.0.1:${port} `],
    [/listen 80;/g, `listen 127.0.0.1:${freePort()};`],
    [/ssl_certificate .*;/g, `ssl_certificate ${cert};`],
    [/ssl_certificate_key .*;/g, `ssl_certificate_key ${key};`],
    [/127\.0\.0\.1:1337/g, upstream],
  ])
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const tempPaths = kinds.map(kind => `${kind}_temp_path ${dir.path}/${kind};`).join(' ')
  const file = join(dir.path, 'nginx.conf')
  const preamble = `daemon off; user root; pid ${dir.path}/nginx.pid; error_log stderr; events {}`
  writeFileSync(file, `${preamble}\nhttp { access_log off; ${tempPaths}\n${site}}\n`)
  return [await debianProgram('nginx', 'usr/sbin/nginx'), '-e', 'stderr', '-c', file]
}

const startCaddy: StartProxy = async (port, upstream) => {
  const site = adaptedConfig('Caddyfile', [[/^\{\$DOMAIN\} \{$/gm, `{$DOMAIN} {\n\ttls ${cert} ${key}`]])
  const file = join(dir.path, 'Caddyfile')
  writeFileSync(file, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`)
  const settings = [`DOMAIN=https://localhost:${port}`, `UPSTREAM=${upstream}`, `HOME=${dir.path}`]
  const caddy = await debianProgram('caddy', 'usr/bin/caddy')
  return ['env', ...settings, caddy, 'run', '--adapter', 'caddyfile', '--config', file]
}

describe.each([
  ['nginx', startNginx],
  ['Caddy', startCaddy],
])('%s', (_, startProxy) => {
  const port = freePort()
  const api = `https://localhost:${port}/api/v1`
  let server: ServerProcess
  let proxy: Bun.Subprocess
  let token: string

  const curl = (path: string, ...flags: string[]) =>
    run(['curl', '-sS4', '--cacert', cert, '--interface', '127.0.0.2', ...flags, `${api}${path}`])

  beforeAll(async () => {
    server = await startServerProcess({ socket: '/nonexistent/docker.sock', flags: ['--trusted-proxies', '127.0.0.1'] })
    const command = await startProxy(port, new URL(server.url).host)
    proxy = Bun.spawn(command, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
    const isResponding = () =>
      curl('/user/list').then(
        () => true,
        () => false,
      )
    expect(await pollUntil(10_000, isResponding)).toBe(true)
  })
  afterAll(async () => {
    proxy.kill('SIGKILL')
    await proxy.exited
    await server[Symbol.asyncDispose]()
  })

  test('a user logs in and lists users over TLS with HTTP/2', async () => {
    const { username, secret } = await server.createUser('owner', 'owner')
    const login = JSON.stringify({ username, code: await currentCode(secret) })
    const response = await curl('/user/auth', '-H', 'Content-Type: application/json', '-d', login)
    token = JSON.parse(response).access_token
    const listOutput = await curl(
      '/user/list',
      '--http2',
      '-H',
      `Authorization: Bearer ${token}`,
      '-w',
      '\n%{http_version}',
    )
    const [list = '', version] = listOutput.split('\n')
    expect(JSON.parse(list)).toMatchObject([{ username: 'owner' }])
    expect(version).toBe('2')
  })

  test('the server sees the real client address, not one that the client claims', async () => {
    await curl('/user/list', '-H', 'X-Forwarded-For: 8.8.8.8')
    expect(server.log.filter(({ message }) => message === 'request').at(-1)).toMatchObject({ address: '127.0.0.2' })
    const sessions: object[] = JSON.parse(await curl('/user/sessions/owner', '-H', `Authorization: Bearer ${token}`))
    expect(sessions).toMatchObject([{ address: '127.0.0.2' }])
  })

  test('events pass through without delay', async () => {
    const headers = { authorization: `Bearer ${token}` }
    const tls = { ca: readFileSync(cert, 'utf8') }
    await using stream = readEventStream(
      await fetch(`${api}/event/stream`, { headers, tls, timeout: false, keepalive: false }),
    )
    await stream.waitUntil(events => events.length > 0)
    await server.addUser(token, 'ann')
    await stream.waitUntil(events => events.some(({ event }) => event.startsWith('user')))
  })
})

test('compose.yaml requires a domain, publishes only the proxy and trusts its address', async () => {
  const config = (env: Record<string, string>) =>
    run(['docker-compose', '-f', join(root, 'compose.yaml'), 'config'], { env })
  await expect(config({ DOMAIN: '' })).rejects.toThrow('set DOMAIN')
  const { services } = Bun.YAML.parse(await config({ DOMAIN: 'matrix.test' })) as { services: Record<string, Service> }
  expect(services['cikit-api']?.ports).toBeUndefined()
  expect(services.caddy?.networks).toEqual({
    proxied: { ipv4_address: services['cikit-api']?.environment.CIKIT_API_TRUSTED_PROXIES ?? '' },
  })
  expect(services['cikit-api']?.environment.CIKIT_API_PUBLIC_URL).toBe('https://matrix.test')
})

interface Service {
  ports?: unknown
  environment: Record<string, string>
  networks: Record<string, unknown>
}

/** A file of deploy/ with replaced values. @throws Error if a value is missing */
function adaptedConfig(file: string, changes: [RegExp, string][]): string {
  return changes.reduce(
    (text, [from, to]) => {
      const changed = text.replace(from, to)
      if (changed === text) throw new Error(`deploy/${file} has no ${from}`)
      return changed
    },
    readFileSync(join(root, 'deploy', file), 'utf8'),
  )
}

function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  listener.stop(true)
  return listener.port
}
