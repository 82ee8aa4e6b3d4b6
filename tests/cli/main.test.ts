import { expect, test } from 'bun:test'
import { version } from '../../src/version.ts'
import { expectedFailure, runCli } from '../testkit/cli.ts'

test('--version is the version and nothing else', async () => {
  expect(await runCli(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' })
})

test.each([
  [[], ['serve', 'create-user', 'user', 'image', 'Serve the API']],
  [
    ['serve'],
    ['--host=<ADDRESS>', '--port=<PORT>', '--data-dir=<DIR>', '--docker-host=<URL>', '--domain=<DOMAIN>'].concat(
      ['--image=<IMAGE>', '--prefix=<NAME>', '--credentials-dir=<DIR>', '--tls-cert=<FILE>', '--tls-key=<FILE>'],
      ['Serve the API', 'Port to listen on', 'Certificate chain in PEM'],
    ),
  ],
  [
    ['create-user'],
    ['-u, --username=<NAME>', '-g, --group=<viewer|manager|owner>', '-r, --regenerate', '--json', '--data-dir=<DIR>'],
  ],
  [['user'], ['list', 'delete', 'unlock', 'hand-over', 'List, delete and unlock users']],
  [
    ['user', 'list'],
    ['--json', '--data-dir=<DIR>', 'List the users, oldest first'],
  ],
  [
    ['user', 'delete'],
    ['NAME', 'Name of the user', '--data-dir=<DIR>'],
  ],
  [['image'], ['build', 'The image that droplets are made from']],
  [
    ['image', 'build'],
    ['--docker-host=<URL>', 'Build the droplet image'],
  ],
])('%p --help says what there is, without colours in a pipe', async (command, words) => {
  const { exitCode, stdout, stderr } = await runCli([...command, '--help'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  for (const word of words) expect(stdout).toContain(word)
  expect(stdout).not.toContain('\x1b')
})

test.each([
  [['nonsense'], /nonsense/],
  [['user', 'nonsense'], /nonsense/],
  [['--bogus'], /--bogus/],
  [['serve', '--bogus'], /--bogus/],
  [['serve', '-p', '1'], /-p/],
  [['serve', 'extra'], /extra/],
  [['serve', '--port'], /--port/],
  [['serve', '--port='], /--port/],
  [['create-user', '-g', 'owner'], /--username/],
  [['create-user', '-u', 'ann'], /--group/],
  [['create-user', '-u', 'ann', '-g'], /-g/],
  [['user', 'list', 'extra'], /extra/],
  [['user', 'delete'], /NAME/],
  [['user', 'delete', 'ann', 'bob'], /bob/],
  [['image', 'build', '--image', 'debian'], /--image/],
])('%p is refused in one line that names it', async (args, words) => {
  const refused = await runCli(args)
  expect(refused).toEqual(expectedFailure(2, words))
  expect(refused.stderr).not.toContain('\x1b')
})

test.each([
  [['--port', '99999'], /--port: "99999".*65535/],
  [['--port', '1e3'], /--port: "1e3".*number/],
  [['--docker-host', 'ssh://host'], /--docker-host: "ssh:..host".*unix:/],
  [['--prefix', 'Box'], /--prefix: "Box".*a-z/],
  [['--image', 'de bian'], /--image: "de bian".*NAME/],
  [['--domain', 'a_b'], /--domain: "a_b".*domain name/],
  [['--tls-cert', 'cert.pem'], /--tls-cert "cert.pem".*--tls-key/],
  [['--tls-key', 'key.pem'], /--tls-key "key.pem".*--tls-cert/],
])('serve %p is refused with the flag, the value and the remedy', async (args, words) => {
  expect(await runCli(['serve', ...args])).toEqual(expectedFailure(2, words))
})

test('a wrong variable is refused by its own name', async () => {
  expect(await runCli(['serve'], { CIKIT_API_PORT: 'http' })).toEqual(
    expectedFailure(2, /CIKIT_API_PORT: "http".*65535/),
  )
})
