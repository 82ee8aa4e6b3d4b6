import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.ts'
import { type DocCommand, extractCommands, readDocPages } from '../testkit/docs/doc-commands.ts'
import { startDocShell } from '../testkit/docs/doc-shell.ts'

/** Commands that these tests cannot run, by reason. Everything else in the documentation is run. */
const notRun: Record<string, string[]> = {
  'starts a system of its own; tests/e2e/up.test.ts runs it': ['npm run up'],
  'runs these tests, or everything': [
    'npm test',
    "npm run test:only -- tests/auth -t 'refresh'",
    'npm run test:only -- tests/auth',
    'npm run test:faults',
    'npm run lint',
    'npm run format',
    'npm run types',
    'npm ci',
  ],
  'writes into the repository or takes too long': [
    'npm run docs',
    'npm run screenshots',
    'npm run release',
    'npm run bench',
    'npm run bench -- users logins',
    'npm run bench:against -- v0.1.0',
    'npm run bench:fresh',
    'npm run soak',
    'npm run soak -- 5',
  ],
  'changes the host; tests/e2e/install.test.ts runs it': [
    './cikit-api install --domain matrix.example.com --tls-cert /etc/ssl/private/matrix.crt --tls-key /etc/ssl/private/matrix.key',
    'cikit-api install --print',
    'cikit-api uninstall',
  ],
  'changes the host': [
    'groupadd --system --force ssl-cert',
    'chgrp ssl-cert /etc/ssl/private /etc/ssl/private/matrix.key',
    'chmod 710 /etc/ssl/private',
    'chmod 640 /etc/ssl/private/matrix.key',
    'sysctl -w net.ipv4.tcp_migrate_req=1',
    'sysctl -w fs.inotify.max_user_instances=1024',
    'mkdir -p /usr/local/share/man/man1 && cikit-api man > /usr/local/share/man/man1/cikit-api.1',
  ],
  'replaces the installed binary; tests/e2e/upgrade.test.ts runs it': [
    'cikit-api upgrade --from cikit-api-0.2.0-linux-x64 --sha256 SUM',
    'cikit-api upgrade --rollback',
  ],
  'needs a Docker Engine': ['cikit-api doctor', 'cikit-api image build'],
  'needs a Docker Engine; tests/e2e/docker-image.test.ts runs it': [
    'docker build -t cikit-api .',
    'docker run -d --name cikit-api --hostname matrix.example.com -p 127.0.0.1:1337:1337 -v /var/run/docker.sock:/var/run/docker.sock -v cikit-api:/var/lib/cikit-api cikit-api',
    'docker exec -it cikit-api cikit-api create-user -u BR0kEN -g owner',
  ],
  'needs a Docker Engine and a public name; tests/e2e/reverse-proxies.test.ts runs the same proxy': [
    'DOMAIN=matrix.example.com docker compose up -d',
    'docker compose exec cikit-api cikit-api create-user -u BR0kEN -g owner',
  ],
  'needs a droplet with sshd; tests/e2e/client-ssh.test.ts enters one': [
    'ssh -p 2201 -i /var/lib/cikit-api/credentials/cikit01/cikit01.private.key root@matrix.example.com',
  ],
  'needs a terminal; tests/e2e/client-inside-droplet.test.ts opens one': ['cikit-api droplet console cikit01'],
  'needs an unfinished operation; tests/e2e/client-operations.test.ts cancels one': ['cikit-api operation cancel ID'],
  'needs MongoDB': ['(umask 077; mongoexport --db cikit-rest-api --collection users --out users.json)'],
  'needs a checkout of CIKit; tests/e2e/ansible.test.ts runs the role': [
    'rm -r CIKIT/matrix/roles/api',
    'cp -r roles/api CIKIT/matrix/roles/',
    'cp cikit-api CIKIT/matrix/roles/api/files/',
    'CIKIT_TAGS="api,ssl" cikit matrix/provision --limit=HOSTNAME --rest-api --ssl-src=DIR',
    'CIKIT_TAGS="api" cikit matrix/provision --limit=HOSTNAME --rest-api=deploy',
  ],
  'needs Prometheus; tests/e2e/monitoring.test.ts checks the files': [
    'promtool check rules cikit-api.rules.yml',
    'promtool test rules cikit-api.rules.test.yml',
    'cp cikit-api.rules.yml /etc/prometheus/',
    'systemctl reload prometheus',
  ],
}

const pages = readDocPages()
const excluded = new Set(Object.values(notRun).flat())
const isRun = ({ text }: DocCommand) => !excluded.has(text)
const runnable = pages
  .map(({ file, commands }) => ({ file, commands: commands.filter(isRun) }))
  .filter(({ commands }) => commands.length > 0)

/** The page whose commands go on from the login of the API's page. */
const CONTINUING_PAGE = 'docs/authentication.md'

function preceding(file: string): DocCommand[] {
  if (file !== CONTINUING_PAGE) return []
  const commands = pages.find(page => page.file === 'docs/api.md')?.commands ?? []
  return commands.slice(0, commands.findIndex(({ text }) => text.startsWith('REFRESH=')) + 1)
}

test.concurrent.each(runnable)('the commands of $file work', async page => {
  await using shell = await startDocShell()
  const { exitCode, lastCommand, output } = await shell.run([...preceding(page.file), ...page.commands])
  if (exitCode !== 0) throw new Error(`${lastCommand}\nended with ${exitCode}:\n${output}`)
})

test('most commands are run', () => {
  expect(runnable.flatMap(({ commands }) => commands).length).toBeGreaterThan(80)
})

test('the list of commands that are not run is up to date', () => {
  const documented = new Set(pages.flatMap(({ commands }) => commands.map(({ text }) => text)))
  expect([...excluded].filter(text => !documented.has(text))).toEqual([])
})

test('the reasons name tests that exist', () => {
  const files = Object.keys(notRun).flatMap(reason => reason.match(/tests\/\S+\.ts/g) ?? [])
  expect(files.filter(file => !existsSync(join(root, file)))).toEqual([])
})

describe('extracting commands', () => {
  const textsOf = (page: string) => extractCommands(page).map(({ text }) => text)

  test('reads the blocks marked sh only', () => {
    expect(textsOf('```sh\nls\n```\n```json\n{}\n```\n```sh\npwd\n```\n')).toEqual(['ls', 'pwd'])
  })

  test('joins continued lines and removes comments', () => {
    expect(textsOf('```sh\n# a comment\ndocker run \\\n  -d x     # why\n\n```\n')).toEqual(['docker run -d x'])
  })

  test('marks commands that run until they are interrupted', () => {
    expect(extractCommands('```sh\ncikit-api events   # until Ctrl-C\n```\n')).toEqual([
      { text: 'cikit-api events', isEndless: true },
    ])
  })
})
