import { expect, test } from 'bun:test'
import { version } from '../../src/version.ts'
import { expectedFailure, runCli } from '../testkit/cli.ts'

test('--version prints the version and nothing else', async () => {
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
  [['user'], ['Usage: cikit-api user COMMAND', 'list', 'delete', 'unlock', 'hand-over']],
  [
    ['user', 'list'],
    ['--json', '--data-dir=<DIR>', 'List the users, oldest first'],
  ],
  [
    ['user', 'delete'],
    ['Usage: cikit-api user delete NAME', 'Name of the user', '--data-dir=<DIR>'],
  ],
  [['image'], ['build']],
  [
    ['image', 'build'],
    ['--docker-host=<URL>', 'Build the droplet image'],
  ],
])('%p --help lists commands, arguments and flags, without colours', async (command, expectedTexts) => {
  const { exitCode, stdout, stderr } = await runCli([...command, '--help'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  for (const text of expectedTexts) expect(stdout).toContain(text)
  expect(stdout).not.toContain('\x1b')
})

test('the root help groups commands by where they run, with an example for each group', async () => {
  const { stdout } = await runCli(['--help'])
  const [, server = '', host = '', client = ''] = stdout.split(/^(?:Server|This host|Client)$/m)
  expect(server).toMatch(/^ {2}serve +Serve the API/m)
  expect(server).toContain('Example: cikit-api serve ')
  expect(host).toMatch(/^ {2}create-user +\S/m)
  expect(host).toContain('Example: cikit-api create-user -u ann -g owner')
  expect(client).toMatch(/^ {2}droplet +\S/m)
  expect(client).toContain('Example: cikit-api login https://')
})

test.each([
  [['nonsense'], /unknown command "nonsense": see cikit-api --help/],
  [['drplet', 'ls'], /unknown command "drplet" \(did you mean droplet\?\)/],
  [['toString'], /unknown command "toString"/],
  [['user'], /no command given: see cikit-api user --help/],
  [['user', 'nonsense'], /unknown command "nonsense": see cikit-api user --help/],
  [['user', '--json', 'list'], /unknown flag --json/],
  [['--bogus'], /unknown flag --bogus/],
  [['serve', '--bogus'], /unknown flag --bogus: see cikit-api serve --help/],
  [['droplet', 'ls', '--jsn'], /unknown flag --jsn \(did you mean --json\?\)/],
  [['serve', '-p', '1'], /unknown flag -p/],
  [['serve', 'extra'], /unexpected argument "extra": see cikit-api serve --help/],
  [['serve', '--port'], /--port needs a value/],
  [['serve', '--port='], /--port/],
  [['create-user', '-g', 'owner'], /missing flag --username/],
  [['create-user', '-u', 'ann'], /missing flag --group/],
  [['create-user', '-u', 'ann', '-g'], /-g needs a value/],
  [['user', 'list', 'extra'], /unexpected argument "extra"/],
  [['user', 'delete'], /missing argument NAME: see cikit-api user delete --help/],
  [['user', 'delete', 'ann', 'bob'], /unexpected argument "bob"/],
  [['droplet', 'exec', '--', 'ls'], /missing argument NAME/],
  [['image', 'build', '--image', 'debian'], /unknown flag --image/],
])('%p is rejected in one line with exit code 2', async (args, message) => {
  const failure = await runCli(args)
  expect(failure).toEqual(expectedFailure(2, message))
  expect(failure.stderr).not.toContain('\x1b')
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
])('serve %p is rejected with the flag, the value and the remedy', async (args, message) => {
  expect(await runCli(['serve', ...args])).toEqual(expectedFailure(2, message))
})

test('an invalid variable is named in the error', async () => {
  expect(await runCli(['serve'], { CIKIT_API_PORT: 'http' })).toEqual(
    expectedFailure(2, /CIKIT_API_PORT: "http".*65535/),
  )
})
