import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { codeAt } from '../auth/totp.ts'
import { exportedUser, formatExport } from '../backups/users-export.ts'
import { tempDir } from '../temp-dir.ts'
import type { DocCommand } from './doc-commands.ts'

/** For commands that need a host without a server or an owner. */
const ANOTHER_DATA_DIR = 'CIKIT_API_DATA_DIR=$(mktemp -d ~/data-XXXXXX)'
/** How long a command that never ends by itself is observed. */
const ENDLESS_SECONDS = 2

interface DocShellOptions {
  /** How `cikit-api` is started. */
  program: string[]
  engineSocket: string
  /** The ssh client that reaches real droplets. Without it, droplets neither become ready nor can be entered. */
  ssh?: string[]
}

interface User {
  secret: string
  recovery_codes: string[]
}

/**
 * A bash in which the documented commands work: with `cikit-api`, its server on a free port, the owner of the
 * documentation, and a manager for the client commands.
 */
export async function startDocShell({ program, engineSocket, ssh }: DocShellOptions) {
  const dir = tempDir()
  const home = join(dir.path, 'home')
  const bin = join(dir.path, 'bin')
  mkdirSync(join(home, '.ssh'), { recursive: true })
  mkdirSync(bin)
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: home,
    CIKIT_API_DATA_DIR: join(dir.path, 'data'),
    CIKIT_API_DOCKER_HOST: `unix://${engineSocket}`,
  }
  writeScript('cikit-api', `exec ${program.join(' ')} "$@"`)
  writeScript('curl', `exec ${Bun.which('curl')} --fail-with-body "$@"`)
  writeScript('ssh', ssh ? `exec ${ssh.join(' ')} -i ~/.ssh/id_ed25519 -o BatchMode=yes "$@"` : 'exit 0')
  writeFileSync(join(home, 'passphrase'), 'a passphrase for the tests\n')
  writeFileSync(join(home, 'users.json'), formatExport(exportedUser('imported', 'viewer')))

  const server = Bun.spawn([...program, 'serve'], {
    env: { ...env, CIKIT_API_PORT: '0', CIKIT_API_DOMAIN: 'matrix.test' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const address = await readAddress(server.stdout)
  if (ssh) await runScript("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
  const owner = await createUser('owner', 'owner')
  const client = await createUser('client', 'manager')

  return {
    /**
     * Runs commands one after another in one shell.
     * @throws Error with the first command that fails and its output
     */
    async run(commands: DocCommand[]): Promise<void> {
      const lines = commands.map((command, index) => `printf "\\n::command ${index}\\n"\n${fillIn(command)}`)
      const { exitCode, output } = await runScript(lines.join('\n'))
      if (exitCode === 0) return
      const parts = output.split(/^::command (\d+)\n/m)
      const failed = commands[Number(parts.at(-2) ?? 0)]?.text
      throw new Error(`${failed}\nended with ${exitCode}:\n${parts.at(-1)}`)
    },
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL')
      await server.exited
      dir[Symbol.dispose]()
    },
  }

  /** Replaces the placeholders of the documentation: addresses, codes, ids and files. */
  function fillIn({ text, isEndless }: DocCommand): string {
    const code = (user: User) => codeAt(user.secret, Date.now())
    const [recoveryCode] = client.recovery_codes
    const filled = text
      .replaceAll('http://127.0.0.1:1337', address)
      .replace('https://matrix.example.com:1337', `${address} -u client --code ${code(client)}`)
      .replace('CODE=123456', `CODE=${code(owner)}`)
      .replace('"ann", "recovery_code": "abcd-efgh-ijkl-mnop"', `"client", "recovery_code": "${recoveryCode}"`)
      .replace('operation show ID', `operation show "$(cikit-api operation ls --json | cut -d'"' -f4)"`)
      .replace('droplet add --wait', ssh ? '$&' : 'droplet add')
      .replace('/backup/matrix.tar', '~/matrix.tar')
      .replace('/root/passphrase', '~/passphrase')
      .replace(/ > \/usr\/\S+/, ' > /dev/null')
    if (/^cikit-api (restore|create-user -u BR0kEN)/.test(filled)) return `${ANOTHER_DATA_DIR} ${filled}`
    if (filled.startsWith('cikit-api serve')) return endless(`CIKIT_API_PORT=0 ${ANOTHER_DATA_DIR} ${filled}`)
    // The operation has ended by then: 931, which makes this curl exit with 22.
    if (filled.includes('/operation/cancel/')) return `${filled} || [ $? = 22 ]`
    return isEndless ? endless(filled) : filled
  }

  function writeScript(name: string, text: string): void {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }

  async function createUser(name: string, group: string): Promise<User> {
    const { exitCode, output } = await runScript(`cikit-api create-user -u ${name} -g ${group} --json`)
    if (exitCode !== 0) throw new Error(output)
    const user: User = JSON.parse(output)
    return user
  }

  /** @returns the output of both streams, interleaved */
  async function runScript(text: string): Promise<{ exitCode: number; output: string }> {
    const child = Bun.spawn(['bash', '-c', `exec 2>&1\nset -euo pipefail\n${text}`], {
      cwd: home,
      stdin: 'ignore',
      stdout: 'pipe',
      env,
    })
    const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited])
    return { exitCode, output }
  }
}

function endless(command: string): string {
  return `env timeout -s INT ${ENDLESS_SECONDS} env ${command} || [ $? = 124 ]`
}

/** The address that a server logs, without a trailing slash. Reading continues, since a full pipe would block it. */
async function readAddress(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const listening = Promise.withResolvers<string>()
  const lines = createInterface({ input: Readable.fromWeb(stdout) })
  lines.on('line', line => {
    const entry: { message: string; address?: string } = JSON.parse(line)
    if (entry.message === 'listening' && entry.address) listening.resolve(entry.address.replace(/\/$/, ''))
  })
  lines.on('close', () => listening.reject(new Error('serve ended before it listened')))
  return await listening.promise
}
