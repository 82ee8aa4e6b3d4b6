import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary } from '../../../../scripts/lib/paths.ts'
import { toBase32 } from '../../../../src/auth/totp.ts'
import { codeAt } from '../../codes.ts'
import { tempDir } from '../../temp-dir.ts'
import { readProcess } from './places.ts'
import type { World } from './world.ts'

/** What a command of the host wrote, and what was to be seen of its process. */
export interface Ran {
  words: string
  exitCode: number
  stdout: string
  stderr: string
  process: Buffer
}

/**
 * Every command, well and badly, by its name. `serve` serves already; here it is refused, as `restore` is. BACKUP,
 * PASSPHRASE and ELSEWHERE stand for files and for another data directory, EXPORT for a file of users, SPOILT for one that
 * is not all right.
 */
const commands: Record<string, string[][]> = {
  serve: [[], ['--port', 'x'], ['--prefix', '../x']],
  'create-user': [
    ['-u', 'ann', '-g', 'viewer', '--json'],
    ['-u', 'ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'manager', '-r', '--json'],
    ['-u', 'ANN', '-g', 'manager'],
    ['-u', 'ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'owner', '-r'],
    ['-u', '../ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'king'],
    ['-u', 'ann', '--secret', 'x'],
  ],
  'user list': [[], ['--json'], ['--all']],
  'user unlock': [['ann'], ['nobody']],
  'user hand-over': [['ann'], ['nobody'], ['owner']],
  'user delete': [['ann'], ['nobody'], ['owner']],
  audit: [[], ['--json'], ['--verify'], ['--limit', 'x'], ['--restart']],
  health: [[], ['--json'], ['--url', 'matrix']],
  import: [['EXPORT'], ['EXPORT', '--write'], ['SPOILT', '--json'], ['EXPORT', '--encoding', 'hex']],
  // Its end-to-end tests have binaries and hosts of their own.
  upgrade: [['--describe'], ['--rollback', '--binary', '/nonexistent/cikit-api']],
  'rotate-key': [[], ['--force']],
  doctor: [[], ['--json'], ['--domain', '../x']],
  backup: [
    ['BACKUP'],
    ['BACKUP'],
    ['BACKUP', '--force', '--with-key', '--passphrase-file', 'PASSPHRASE', '--json'],
    ['/nonexistent/file'],
    ['BACKUP', '--with-key'],
  ],
  restore: [
    ['BACKUP'],
    ['BACKUP', '--passphrase-file', 'PASSPHRASE', '--data-dir', 'ELSEWHERE'],
    ['BACKUP', '--passphrase-file', 'BACKUP', '--data-dir', 'ELSEWHERE', '--force'],
    ['PASSPHRASE'],
    ['/nonexistent/file'],
  ],
  'image build': [[], []],
  // Never whole: they would change this very host. Their end-to-end test has a host of its own.
  install: [['--print'], ['--print', '--port', 'x']],
  uninstall: [['--all']],
  completion: [['bash'], ['zsh'], ['fish'], ['tcsh']],
  man: [[], ['--all']],
}

/** The two whose purpose it is to show a secret: a new user's, or that of one that exists. */
export function showsSecret({ words, exitCode }: Ran): boolean {
  return words.startsWith('create-user') && exitCode === 0
}

/** The names of all commands, as the program's own help has them. */
export async function listCommands(): Promise<string[]> {
  const below = async (words: string[]): Promise<string[]> => {
    const { stdout } = await runToEnd([...words, '--help'])
    const [, listed = ''] = stdout.split(/^COMMANDS$/m)
    const names = [...listed.matchAll(/^ +([a-z-]+) {2,}/gm)].map(([, name = '']) => [...words, name])
    if (names.length === 0) return [words.join(' ')]
    return (await Promise.all(names.map(below))).flat()
  }
  return await below([])
}

/**
 * Those of a client, well and badly, in the order in which they go. DROPLET stands for the one that was added, OPERATION
 * for what was begun last.
 */
const clientCommands: Record<string, string[][]> = {
  login: [['matrix']],
  'droplet add': [['--json'], ['--ssh-keys', '/nonexistent']],
  'droplet ls': [[], ['--json'], ['--all']],
  'droplet stop': [['DROPLET'], ['nginx']],
  'droplet start': [['DROPLET', '--detach'], ['DROPLET', '--wait', '--detach'], ['nginx']],
  'operation ls': [[], ['--json'], ['--limit', 'x']],
  'operation show': [['OPERATION'], ['OPERATION', '--wait', '--json'], ['nginx']],
  'operation cancel': [['OPERATION'], ['nginx']],
  'droplet restart': [['DROPLET'], ['nginx']],
  'droplet ssh': [['DROPLET', '--', 'uname'], ['nginx']],
  'droplet exec': [['DROPLET', '--', 'true'], ['DROPLET'], ['nginx', '--', 'true']],
  'droplet logs': [['DROPLET', '--lines', '5'], ['DROPLET', '--console'], ['nginx']],
  'droplet stats': [['DROPLET'], [], ['nginx']],
  // Without a terminal it is none: tests/e2e/client-within.test.ts.
  'droplet console': [['DROPLET'], ['nginx']],
  'droplet rm': [['DROPLET'], ['nginx']],
  events: [[], ['--json'], ['--all']],
  logout: [[], []],
}

export const knownCommands = [...Object.keys(commands), ...Object.keys(clientCommands)]

/** Runs them all on the data directory that is being served, and as a client of it. */
export async function runCommands(world: World): Promise<Ran[]> {
  return [...(await runOnHost(world)), ...(await runAsClient(world))]
}

async function runAsClient({ matrix, engine, canaries }: World): Promise<Ran[]> {
  using home = tempDir()
  const sessionFile = join(home.path, 'session.json')
  const ssh = join(home.path, 'ssh')
  writeFileSync(ssh, '#!/bin/sh\n', { mode: 0o700 })
  const client = (words: string[]) => {
    const [own, rest] = words.includes('--')
      ? [words.slice(0, words.indexOf('--')), words.slice(words.indexOf('--'))]
      : [words, []]
    return runToEnd([...own, '--session-file', sessionFile, ...rest], { HOME: home.path, PATH: home.path })
  }
  const { username, secret } = await matrix.createUser('clara', 'manager')
  canaries.addBase32('a TOTP secret from create-user', secret)
  const server = new URL('/', matrix.url).href
  const all = [await client(['login', server, '-u', username, '--code', codeAt(secret, Date.now())])]
  const session: { accessToken: string; refreshToken: string } = JSON.parse(readFileSync(sessionFile, 'utf8'))
  canaries.addHex('an access token of the client', session.accessToken)
  canaries.addHex('a refresh token of the client', session.refreshToken)
  let droplet = ''
  let operation = ''
  const meant = (flag: string) => ({ DROPLET: droplet, OPERATION: operation })[flag] ?? flag
  for (const [name, variants] of Object.entries(clientCommands)) {
    for (const [number, flags] of variants.entries()) {
      if (name === 'operation cancel' && number === 0) {
        // While its image is being built, an add can be undone.
        engine.answerNext(/^GET \/images/, () => Response.json({ message: 'No such image' }, { status: 404 }))
        engine.answerNext(/^POST \/build/, () => new Promise(() => undefined))
        operation = (await client(['droplet', 'add', '--detach'])).stdout.trim()
      }
      const ran = await client([...name.split(' '), ...flags.map(meant)])
      all.push(ran)
      if (name === 'droplet add' && ran.exitCode === 0) droplet = JSON.parse(ran.stdout)[0].name
      if (flags.includes('--detach') && ran.exitCode === 0) operation = ran.stdout.trim()
    }
  }
  return all
}

async function runOnHost({ matrix, engine, canaries }: World): Promise<Ran[]> {
  const all: Ran[] = []
  using dir = tempDir()
  const files: Record<string, string> = {
    BACKUP: join(dir.path, 'backup.tar'),
    PASSPHRASE: join(dir.path, 'passphrase'),
    ELSEWHERE: join(dir.path, 'data'),
    EXPORT: join(dir.path, 'users.json'),
    SPOILT: join(dir.path, 'spoilt.json'),
  }
  const spoilt = exportedUser('ira@home', canaries) + exportedUser('ivo', canaries).slice(0, -2)
  writeFileSync(files.EXPORT ?? '', exportedUser('ira', canaries), { mode: 0o600 })
  writeFileSync(files.SPOILT ?? '', spoilt, { mode: 0o600 })
  const passphrase = crypto.randomUUID()
  canaries.addText('the passphrase of a backup', passphrase)
  writeFileSync(files.PASSPHRASE ?? '', passphrase)
  for (const [name, variants] of Object.entries(commands)) {
    for (const [number, given] of variants.entries()) {
      const flags = given.map(flag => files[flag] ?? flag)
      // The first build succeeds, the second one does not.
      const last = number === 0 ? '{"stream":"done"}' : '{"error":"forced"}'
      engine.answerNext(/^POST \/build/, () => new Response(`{"stream":"Step 1"}\n${last}\n`))
      const ran = await runToEnd([...name.split(' '), ...flags, ...placeOf(name, flags, matrix.dataDir, engine.socket)])
      engine.forgetAnswers()
      all.push(ran)
      const secret = showsSecret(ran) ? /\b[A-Z2-7]{32}\b/.exec(ran.stdout)?.[0] : undefined
      if (secret) canaries.addBase32('a TOTP secret from create-user', secret)
    }
  }
  return all
}

/** Where a command works: each is told what it needs of data and engine, and no more. */
function placeOf(name: string, flags: readonly string[], dataDir: string, socket: string): string[] {
  const onEngine = ['--docker-host', `unix://${socket}`]
  const onData = flags.includes('--data-dir') ? [] : ['--data-dir', dataDir]
  if (['completion', 'man', 'uninstall', 'upgrade'].includes(name)) return []
  // A service is for no directory below /tmp.
  if (name === 'install') return ['--docker-host', 'tcp://127.0.0.1:2375']
  if (name === 'image build') return onEngine
  return name === 'doctor' ? [...onEngine, ...onData] : onData
}

/** A line of an export of the original's users, with a secret that is to be found nowhere. */
function exportedUser(username: string, canaries: World['canaries']): string {
  const secret = toBase32(crypto.getRandomValues(new Uint8Array(20)))
  canaries.addBase32('a TOTP secret in an export', secret)
  return `${JSON.stringify({ username, group: 'viewer', secret })}\n`
}

async function runToEnd(words: string[], env: Record<string, string> = { HOME: '/nonexistent' }): Promise<Ran> {
  const child = Bun.spawn([binary, ...words], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env,
  })
  const process = readProcess(child.pid)
  const [stdout, stderr, exitCode] = await Promise.all([
    readStdout(child.stdout, () => words[0] === 'events' && child.kill('SIGINT')),
    child.stderr.text(),
    child.exited,
  ])
  return { words: words.join(' '), exitCode, stdout, stderr, process }
}

/** @param begun is called when something is there */
async function readStdout(stream: ReadableStream<Uint8Array>, begun: () => void): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) if (chunks.push(chunk) === 1) begun()
  return Buffer.concat(chunks).toString()
}
