import { expect, test } from 'bun:test'
import { readEnv, toClientConfig, toConfig, toCoreConfig, toEngineAddress } from '../../src/config/config.ts'
import { type Env, type Flags, type SettingName, settings, variableOf } from '../../src/config/settings.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { parseNetwork } from '../../src/core/network.ts'

const rootHost = { root: true, hostname: 'matrix.example' }
const noRestrictions = { allowedHosts: [], trustedProxies: [] }
const config = (flags: Flags = {}, env: Env = {}) => toConfig(flags, env, rootHost)

test('without settings, serves on loopback', () => {
  expect(config()).toEqual({
    dataDir: '/var/lib/cikit-api',
    hostLabel: 'matrix.example',
    publicUrl: '',
    listen: { host: '127.0.0.1', port: 1337, exposedWithoutTls: false, ...noRestrictions },
    engine: { kind: 'unix', path: '/var/run/docker.sock' },
    droplets: {
      prefix: 'cikit',
      domain: 'matrix.example',
      image: 'localhost/cikit-droplet:bookworm',
      credentialsDir: '/var/lib/cikit-api/credentials',
    },
  })
})

test('with TLS, serves on every address', () => {
  expect(config({ 'tls-cert': '/tls/cert.pem', 'tls-key': '/tls/key.pem' }).listen).toEqual({
    host: '0.0.0.0',
    port: 1337,
    tls: { certFile: '/tls/cert.pem', keyFile: '/tls/key.pem' },
    exposedWithoutTls: false,
    ...noRestrictions,
  })
})

test.each([
  ['0.0.0.0', true],
  ['::', true],
  ['192.0.2.1', true],
  ['matrix.example', true],
  ['127.0.0.1.example.com', true],
  ['127.0.0.1', false],
  ['127.1.2.3', false],
  ['::1', false],
  ['localhost', false],
])('plain HTTP on %s is exposed: %p', (host, exposed) => {
  expect(config({ host }).listen).toEqual({ host, port: 1337, exposedWithoutTls: exposed, ...noRestrictions })
})

test.each([
  ['9464', { host: '127.0.0.1', port: 9464, isExposed: false }],
  ['0', { host: '127.0.0.1', port: 0, isExposed: false }],
  ['localhost:9464', { host: 'localhost', port: 9464, isExposed: false }],
  ['192.0.2.17:9464', { host: '192.0.2.17', port: 9464, isExposed: true }],
  ['[::]:9464', { host: '::', port: 9464, isExposed: true }],
  ['matrix.example:9464', { host: 'matrix.example', port: 9464, isExposed: true }],
])('parses the metrics address %s', (address, metrics) => {
  expect(config({ 'metrics-listen': address }).metrics).toEqual(metrics)
})

test.each(['65536', 'metrics', '127.0.0.1', '127.0.0.1:', ':9464', '::1:9464', '[::1]', '[]:1', '1.2.3.4.5:1', '-1'])(
  'rejects the metrics address %s with the remedy',
  address => {
    expect(() => config({ 'metrics-listen': address })).toThrow(/--metrics-listen: .* cannot be used: give /)
  },
)

test.each<[SettingName, string]>([
  ['host', 'CIKIT_API_HOST'],
  ['data-dir', 'CIKIT_API_DATA_DIR'],
  ['credentials-dir', 'CIKIT_API_CREDENTIALS_DIR'],
  ['tls-cert', 'CIKIT_API_TLS_CERT'],
])('the variable of --%s is %s', (name, variable) => {
  expect(variableOf(name)).toBe(variable)
})

test('every setting can be made by its variable', () => {
  const values: Record<SettingName, string> = {
    host: '::1',
    port: '8080',
    'data-dir': '/data',
    'secret-key-file': '/key.hex',
    'docker-host': 'unix:///engine.sock',
    domain: 'example.org',
    image: 'debian:12',
    prefix: 'box',
    'credentials-dir': '/keys',
    'tls-cert': '/cert.pem',
    'tls-key': '/key.pem',
    'session-file': '/session.json',
    'public-url': 'https://matrix.example/cikit',
    'metrics-listen': '[::1]:9464',
    'allowed-hosts': 'Matrix.example,[::1]',
    'trusted-proxies': '127.0.0.1, 10.0.0.0/8',
    every: '24h',
    keep: '3',
    'backup-dir': '/backups',
  }
  expect(Object.keys(values).toSorted()).toEqual(Object.keys(settings).toSorted())
  const env = Object.fromEntries(Object.entries(values).map(([name, value]) => [variableFor(name), value]))
  const expected = {
    dataDir: '/data',
    keyFile: '/key.hex',
    hostLabel: 'matrix.example',
    publicUrl: 'https://matrix.example/cikit/',
    metrics: { host: '::1', port: 9464, isExposed: false },
    listen: {
      host: '::1',
      port: 8080,
      tls: { certFile: '/cert.pem', keyFile: '/key.pem' },
      exposedWithoutTls: false,
      allowedHosts: ['matrix.example', '[::1]'],
      trustedProxies: [network('127.0.0.1'), network('10.0.0.0/8')],
    },
    engine: { kind: 'unix' as const, path: '/engine.sock' },
    droplets: { prefix: 'box', domain: 'example.org', image: 'debian:12', credentialsDir: '/keys' },
    backups: { intervalMs: 86_400_000, retainCount: 3, dir: '/backups' },
  }
  expect(config({}, env)).toEqual(expected)
  expect(config(values, {})).toEqual(expected)
})

test.each([
  ...['matrix.example', 'ftp://matrix.example', 'javascript:alert(1)', 'https://', 'https://ada:secret@matrix.example'],
  ...['https://matrix.example/?page=1', 'https://matrix.example/#here', '//matrix.example'],
])('rejects --public-url %s', url => {
  expect(() => config({ 'public-url': url })).toThrow(`--public-url: ${JSON.stringify(url)} cannot be used`)
})

function network(text: string) {
  const parsed = parseNetwork(text)
  if (!parsed) throw new Error(`${text} is not a network`)
  return parsed
}

function variableFor(name: string): string {
  const others: Record<string, string> = { every: 'CIKIT_API_BACKUP_EVERY', keep: 'CIKIT_API_BACKUP_KEEP' }
  return others[name] ?? `CIKIT_API_${name.replaceAll('-', '_').toUpperCase()}`
}

test.each([
  ['90m', 5_400_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
])('--every %s: a backup every %p ms, 7 are retained in the data directory', (every, intervalMs) => {
  expect(config({ every }).backups).toEqual({ intervalMs, retainCount: 7, dir: '/var/lib/cikit-api/backups' })
})

test.each<[Flags, string]>([
  ...['0h', '24', '1s', '-1h', '1.5h', 'daily', '24 h', '367d'].map((every): [Flags, string] => [
    { every },
    `--every: ${JSON.stringify(every)} cannot be used: give a number of minutes, hours or days`,
  ]),
  ...['0', '-1', '1.5', 'all', '10000'].map((keep): [Flags, string] => [
    { every: '1h', keep },
    `--keep: ${JSON.stringify(keep)} cannot be used`,
  ]),
  [{ keep: '7' }, '--keep "7" needs scheduled backups: add --every'],
  [{ 'backup-dir': '/b' }, '--backup-dir "/b" needs scheduled backups: add --every'],
])('rejects the backup settings %p', (flags, message) => {
  expect(() => config(flags)).toThrow(message)
})

test('a flag takes precedence over its variable', () => {
  expect(config({ port: '1' }, { CIKIT_API_PORT: '2' }).listen.port).toBe(1)
})

test('an empty variable is ignored', () => {
  expect(config({}, { CIKIT_API_PORT: '' }).listen.port).toBe(1337)
})

test('relative directories become absolute', () => {
  const { dataDir, droplets } = config({ 'data-dir': 'data', 'credentials-dir': 'keys' })
  expect(dataDir).toBe(`${process.cwd()}/data`)
  expect(droplets.credentialsDir).toBe(`${process.cwd()}/keys`)
})

test.each<[string, Env, string]>([
  ['$XDG_DATA_HOME', { XDG_DATA_HOME: '/xdg', HOME: '/home/ada' }, '/xdg/cikit-api'],
  ['$HOME', { HOME: '/home/ada' }, '/home/ada/.local/share/cikit-api'],
])('without root, the default data directory is under %s', (_, env, dataDir) => {
  expect(toCoreConfig({}, env, { root: false, hostname: 'matrix' })).toEqual({ dataDir, hostLabel: 'matrix' })
})

test('without root and a home directory, --data-dir is required', () => {
  expect(() => toCoreConfig({}, {}, { root: false, hostname: 'matrix' })).toThrow(/^--data-dir: /)
})

test.each<[string, ReturnType<typeof toEngineAddress>]>([
  ['unix:///run/user/1000/docker.sock', { kind: 'unix', path: '/run/user/1000/docker.sock' }],
  ['tcp://10.0.0.1:2376', { kind: 'tcp', origin: 'http://10.0.0.1:2376' }],
  ['tcp://engine.example', { kind: 'tcp', origin: 'http://engine.example:2375' }],
  ['http://[::1]:2375/', { kind: 'tcp', origin: 'http://[::1]:2375' }],
  ['tcp://[::1]', { kind: 'tcp', origin: 'http://[::1]:2375' }],
])('parses the engine address %s', (address, expected) => {
  expect(toEngineAddress({ 'docker-host': address }, {})).toEqual(expected)
  expect(toEngineAddress({}, { DOCKER_HOST: address })).toEqual(expected)
})

test('our engine setting takes precedence over DOCKER_HOST', () => {
  const env = { DOCKER_HOST: 'unix:///theirs', CIKIT_API_DOCKER_HOST: 'unix:///ours' }
  expect(toEngineAddress({}, env)).toEqual({ kind: 'unix', path: '/ours' })
})

const invalidValues: [SettingName, ...string[]][] = [
  ['port', '', ' ', '65536', '-1', '1e3', '80.5', ' 80', '0x50', '999999', 'http'],
  ['host', '', '  '],
  [
    'docker-host',
    '',
    'unix://relative',
    'unix:///',
    'ssh://host',
    'https://host:2376',
    'tcp://host:x',
    'tcp://a/b',
    'x',
  ],
  ['prefix', '', 'Cikit', '1box', '-box', 'box_', 'box/../x', 'a'.repeat(21), 'box\n', '.*'],
  ['domain', '', '-example.org', 'example..org', 'exa mple', 'example.org;reboot', `${'a'.repeat(64)}.org`, '../etc'],
  ['domain', `${'a.'.repeat(28)}a`, 'example.org\n', '.'],
  ['image', '', 'UPPER', '../image', 'image:', 'image tag', 'image?x=1', 'image#x', '/image', 'image@sha256:abc', '-v'],
  ['data-dir', ''],
  ['tls-cert', ''],
]

test.each(invalidValues.flatMap(([name, ...values]) => values.map((value): [SettingName, string] => [name, value])))(
  'rejects --%s %j with the flag, and its variable with its own name',
  (name, value) => {
    const flag = () => config({ [name]: value })
    expect(flag).toThrow(ConfigError)
    expect(flag).toThrow(`--${name}`)
    if (value === '') return
    const variable = () => config({}, { [variableOf(name)]: value })
    expect(variable).toThrow(ConfigError)
    expect(variable).toThrow(variableOf(name))
    expect(variable).not.toThrow(`--${name}:`)
  },
)

test('an error is one line with value and remedy', () => {
  const parseInvalidPort = () => config({ port: '8080\nforged' })
  expect(parseInvalidPort).toThrow('--port: "8080\\nforged" cannot be used: give a number from 1 to 65535, or 0')
})

test.each<[Flags, string, string]>([
  [{ 'tls-cert': '/cert.pem' }, '--tls-cert', '--tls-key'],
  [{ 'tls-key': '/key.pem' }, '--tls-key', '--tls-cert'],
])('rejects half of a TLS pair, %j, naming the missing flag', (flags, given, missing) => {
  expect(() => config(flags)).toThrow(ConfigError)
  expect(() => config(flags)).toThrow(new RegExp(`^${given} .* add ${missing}$`))
})

test.each(['0', '1', '65535'])('accepts port %s', port => {
  expect(config({ port }).listen.port).toBe(Number(port))
})

test.each([
  'debian',
  'debian:12',
  'br0ken/ubuntu-systemd',
  'localhost:5000/a/b-c:v1.2_3',
  `debian@sha256:${'a'.repeat(64)}`,
])('accepts the image %s', image => {
  expect(config({ image }).droplets.image).toBe(image)
})

test('the maximum length of a domain follows from that of Linux host names', () => {
  // 64 characters including the prefix `cikit01.`.
  const longestDomain = `${'a'.repeat(52)}.org`
  expect(config({ domain: longestDomain }).droplets.domain).toBe(longestDomain)
  expect(() => config({ domain: `a${longestDomain}` })).toThrow(/at most 56 characters/)
})

test('validates the host name as the default domain', () => {
  expect(() => toConfig({}, {}, { root: true, hostname: 'my_host' })).toThrow(/the host name: .* --domain/)
})

test('readEnv returns a copy of the environment', () => {
  const env = readEnv()
  expect(env.PATH).toBe(process.env.PATH)
  expect(env).not.toBe(process.env)
})

test.each<[string, Flags, Env, string]>([
  ['$XDG_CONFIG_HOME', {}, { XDG_CONFIG_HOME: '/xdg', HOME: '/home/ada' }, '/xdg/cikit-api/session.json'],
  ['$HOME', {}, { HOME: '/home/ada' }, '/home/ada/.config/cikit-api/session.json'],
  ['its variable', {}, { CIKIT_API_SESSION_FILE: '/s.json', HOME: '/home/ada' }, '/s.json'],
  ['its flag', { 'session-file': '/f.json' }, { CIKIT_API_SESSION_FILE: '/s.json' }, '/f.json'],
])('the location of the session file comes from %s', (_, flags, env, file) => {
  expect(toClientConfig(flags, env).sessionFile).toBe(file)
})

test('a client without a home directory needs --session-file', () => {
  expect(() => toClientConfig({}, {})).toThrow(ConfigError)
})
