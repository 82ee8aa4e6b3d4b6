import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/paths.ts'
import { codeAt } from '../auth/totp.ts'
import { exportedUser, formatExport } from '../backups/users-export.ts'
import { startServe } from '../cli.ts'
import { createFakeEngine } from '../docker/fake-engine.ts'
import { tempDir } from '../temp-dir.ts'
import type { DocCommand } from './doc-commands.ts'

/** For commands that need a host without a server or an owner. */
const ANOTHER_DATA_DIR = 'CIKIT_API_DATA_DIR=$(mktemp -d ~/data-XXXXXX)'
/** How long a command that never ends by itself is observed. */
const ENDLESS_SECONDS = 2

export type DocShell = Awaited<ReturnType<typeof startDocShell>>

interface User {
  secret: string
  recovery_codes: string[]
}

/**
 * A bash in which the documented commands work: `cikit-api` is this source tree, its server runs on a free port over a
 * fake engine, and it has the owner of the documentation and a manager for the client commands.
 */
export async function startDocShell() {
  const dir = tempDir()
  const home = join(dir.path, 'home')
  const dataDir = join(dir.path, 'data')
  const engine = createFakeEngine()
  const program = `${process.execPath} ${join(root, 'cli/main.ts')}`
  mkdirSync(home)
  const script = (name: string, text: string) => {
    const path = join(dir.path, 'bin', name)
    mkdirSync(join(dir.path, 'bin'), { recursive: true })
    writeFileSync(path, `#!/bin/sh\n${text}\n`)
    chmodSync(path, 0o755)
  }
  script('cikit-api', `exec ${program} "$@"`)
  script('curl', `exec ${Bun.which('curl')} --fail-with-body "$@"`)
  // Nothing runs in the droplets of a fake engine; the arguments are what `droplet ssh` makes of its own.
  script('ssh', 'echo "ssh $*"')
  writeFileSync(join(home, 'passphrase'), 'a passphrase for the tests\n')
  writeFileSync(join(home, 'users.json'), formatExport(exportedUser('imported', 'viewer')))
  const server = startServe([], {
    CIKIT_API_PORT: '0',
    CIKIT_API_DATA_DIR: dataDir,
    CIKIT_API_DOMAIN: 'matrix.test',
    CIKIT_API_DOCKER_HOST: `unix://${engine.socket}`,
  })
  const address = (await server.address()).replace(/\/$/, '')

  /** Runs a script to its end. Its output is what both streams got, in order. */
  async function runScript(text: string): Promise<{ exitCode: number; output: string }> {
    const child = Bun.spawn(['bash', '-c', `exec 2>&1\nset -euo pipefail\n${text}`], {
      cwd: home,
      stdin: 'ignore',
      stdout: 'pipe',
      env: {
        PATH: `${join(dir.path, 'bin')}:${process.env.PATH}`,
        HOME: home,
        CIKIT_API_DATA_DIR: dataDir,
        CIKIT_API_DOCKER_HOST: `unix://${engine.socket}`,
      },
    })
    const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited])
    return { exitCode, output }
  }

  async function createUser(name: string, group: string): Promise<User> {
    const { exitCode, output } = await runScript(`cikit-api create-user -u ${name} -g ${group} --json`)
    if (exitCode !== 0) throw new Error(output)
    const user: User = JSON.parse(output)
    return user
  }

  const owner = await createUser('owner', 'owner')
  const client = await createUser('client', 'manager')

  /** Replaces what is different for each reader: addresses, codes, ids and files. */
  function fillIn({ text, isEndless }: DocCommand): string {
    const code = (user: User) => codeAt(user.secret, Date.now())
    const filled = text
      .replaceAll('http://127.0.0.1:1337', address)
      .replace('https://matrix.example.com:1337', `${address} -u client --code ${code(client)}`)
      .replace('CODE=123456', `CODE=${code(owner)}`)
      .replace(
        '"ann", "recovery_code": "abcd-efgh-ijkl-mnop"',
        `"client", "recovery_code": "${client.recovery_codes[0]}"`,
      )
      .replace('operation show ID', `operation show "$(cikit-api operation ls --json | cut -d'"' -f4)"`)
      // Nothing ever becomes ready on a fake engine.
      .replace('droplet add --wait', 'droplet add')
      .replace('/backup/matrix.tar', '~/matrix.tar')
      .replace('/root/passphrase', '~/passphrase')
      .replace(/ > \/usr\/\S+/, ' > /dev/null')
    if (/^cikit-api (restore|create-user -u BR0kEN)/.test(filled)) return `${ANOTHER_DATA_DIR} ${filled}`
    if (filled.startsWith('cikit-api serve')) return endless(`CIKIT_API_PORT=0 ${ANOTHER_DATA_DIR} ${filled}`)
    // It has ended by then: 931, by which this curl exits with 22.
    if (filled.includes('/operation/cancel/')) return `${filled} || [ $? = 22 ]`
    return isEndless ? endless(filled) : filled
  }

  return {
    /** Runs commands one after another in one shell, and stops at the first that fails. */
    async run(commands: DocCommand[]): Promise<{ exitCode: number; lastCommand: string; output: string }> {
      const lines = commands.map((command, index) => `printf "\\n::command ${index}\\n"\n${fillIn(command)}`)
      const { exitCode, output } = await runScript(lines.join('\n'))
      const parts = output.split(/^::command (\d+)\n/m)
      return {
        exitCode,
        lastCommand: commands[Number(parts.at(-2) ?? 0)]?.text ?? '',
        output: parts.at(-1) ?? '',
      }
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      dir[Symbol.dispose]()
    },
  }
}

function endless(command: string): string {
  return `env timeout -s INT ${ENDLESS_SECONDS} env ${command} || [ $? = 124 ]`
}
