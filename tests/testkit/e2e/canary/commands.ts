import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCommand } from '../../../../cli/commands.ts'
import { leafCommands, PROGRAM_NAME, readCommandTree } from '../../../../cli/host/manual/command-tree.ts'
import { binary } from '../../../../scripts/lib/paths.ts'
import { toBase32 } from '../../../../src/auth/totp.ts'
import { codeAt } from '../../auth/totp.ts'
import { errorResponse, neverRespond } from '../../docker/replies.ts'
import { tempDir } from '../../temp-dir.ts'
import type { CanaryInstance } from './canary-instance.ts'
import { clientCommands, hostCommands } from './command-variants.ts'
import { readProcess } from './host-artifacts.ts'

/** The output of a command, and what other processes could see of it. */
export interface CommandRun {
  commandLine: string
  exitCode: number
  stdout: string
  stderr: string
  process: Buffer
}

/** Whether a run shows a secret by design. */
export function showsSecret({ commandLine, exitCode }: CommandRun): boolean {
  return commandLine.startsWith('create-user') && exitCode === 0
}

/** The names of all commands, from the command tree. */
export async function listCommands(): Promise<string[]> {
  return leafCommands(await readCommandTree(rootCommand, PROGRAM_NAME)).map(({ path }) => path)
}

export const knownCommands = [...Object.keys(hostCommands), ...Object.keys(clientCommands)]

/** Runs all commands on the data directory of the running server and as its client. */
export async function runCommands(instance: CanaryInstance): Promise<CommandRun[]> {
  return [...(await runOnHost(instance)), ...(await runAsClient(instance))]
}

async function runAsClient({ server, engine, canaries }: CanaryInstance): Promise<CommandRun[]> {
  using home = tempDir()
  const sessionFile = join(home.path, 'session.json')
  const ssh = join(home.path, 'ssh')
  writeFileSync(ssh, '#!/bin/sh\n', { mode: 0o700 })
  const client = (args: string[]) => {
    const [clientArgs, programArgs] = args.includes('--')
      ? [args.slice(0, args.indexOf('--')), args.slice(args.indexOf('--'))]
      : [args, []]
    return runToEnd([...clientArgs, '--session-file', sessionFile, ...programArgs], {
      HOME: home.path,
      PATH: home.path,
    })
  }
  const { username, secret } = await server.createUser('clara', 'manager')
  canaries.addBase32('a TOTP secret from create-user', secret)
  const serverUrl = new URL('/', server.url).href
  const runs = [await client(['login', serverUrl, '-u', username, '--code', codeAt(secret, Date.now())])]
  const session: { accessToken: string; refreshToken: string } = JSON.parse(readFileSync(sessionFile, 'utf8'))
  canaries.addHex('an access token of the client', session.accessToken)
  canaries.addHex('a refresh token of the client', session.refreshToken)
  let droplet = ''
  let operation = ''
  const substitute = (flag: string) => ({ DROPLET: droplet, OPERATION: operation })[flag] ?? flag
  for (const [name, variants] of Object.entries(clientCommands)) {
    for (const [index, flags] of variants.entries()) {
      if (name === 'operation cancel' && index === 0) {
        // An add can be cancelled while its image is being built.
        engine.respondNext(/^GET \/images/, () => errorResponse(404, 'No such image'))
        engine.respondNext(/^POST \/build/, () => neverRespond)
        operation = (await client(['droplet', 'add', '--detach'])).stdout.trim()
      }
      const result = await client([...name.split(' '), ...flags.map(substitute)])
      runs.push(result)
      if (name === 'droplet add' && result.exitCode === 0) {
        const [added]: { name: string }[] = JSON.parse(result.stdout)
        droplet = added?.name ?? ''
      }
      if (flags.includes('--detach') && result.exitCode === 0) operation = result.stdout.trim()
    }
  }
  return runs
}

async function runOnHost({ server, engine, canaries }: CanaryInstance): Promise<CommandRun[]> {
  const runs: CommandRun[] = []
  using dir = tempDir()
  const files: Record<string, string> = {
    BACKUP: join(dir.path, 'backup.tar'),
    PASSPHRASE: join(dir.path, 'passphrase'),
    ELSEWHERE: join(dir.path, 'data'),
    EXPORT: join(dir.path, 'users.json'),
    DAMAGED: join(dir.path, 'damaged.json'),
  }
  const damagedExport = exportedUser('ira@home', canaries) + exportedUser('ivo', canaries).slice(0, -2)
  writeFileSync(files.EXPORT ?? '', exportedUser('ira', canaries), { mode: 0o600 })
  writeFileSync(files.DAMAGED ?? '', damagedExport, { mode: 0o600 })
  const passphrase = crypto.randomUUID()
  canaries.addText('the passphrase of a backup', passphrase)
  writeFileSync(files.PASSPHRASE ?? '', passphrase)
  for (const [name, variants] of Object.entries(hostCommands)) {
    for (const [index, template] of variants.entries()) {
      const flags = template.map(flag => files[flag] ?? flag)
      // The first build succeeds, the second one does not.
      const buildOutput = index === 0 ? '{"stream":"done"}' : '{"error":"forced"}'
      engine.respondNext(/^POST \/build/, () => new Response(`{"stream":"Step 1"}\n${buildOutput}\n`))
      const result = await runToEnd([
        ...name.split(' '),
        ...flags,
        ...locationFlags(name, flags, server.dataDir, engine.socket),
      ])
      engine.clearOverrides()
      runs.push(result)
      const secret = showsSecret(result) ? /\b[A-Z2-7]{32}\b/.exec(result.stdout)?.[0] : undefined
      if (secret) canaries.addBase32('a TOTP secret from create-user', secret)
    }
  }
  return runs
}

/** The flags for data directory and engine that a command accepts. */
function locationFlags(name: string, flags: readonly string[], dataDir: string, socket: string): string[] {
  const engineFlags = ['--docker-host', `unix://${socket}`]
  const dataFlags = flags.includes('--data-dir') ? [] : ['--data-dir', dataDir]
  if (['completion', 'man', 'uninstall', 'upgrade'].includes(name)) return []
  // A service rejects data directories below /tmp.
  if (name === 'install') return ['--docker-host', 'tcp://127.0.0.1:2375']
  if (name === 'image build') return engineFlags
  return name === 'doctor' ? [...engineFlags, ...dataFlags] : dataFlags
}

/** A line of a user export, with a new secret that is registered as a canary. */
function exportedUser(username: string, canaries: CanaryInstance['canaries']): string {
  const secret = toBase32(crypto.getRandomValues(new Uint8Array(20)))
  canaries.addBase32('a TOTP secret in an export', secret)
  return `${JSON.stringify({ username, group: 'viewer', secret })}\n`
}

async function runToEnd(args: string[], env: Record<string, string> = { HOME: '/nonexistent' }): Promise<CommandRun> {
  const child = Bun.spawn([binary, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env,
  })
  const process = readProcess(child.pid)
  const [stdout, stderr, exitCode] = await Promise.all([
    readStdout(child.stdout, () => args[0] === 'events' && child.kill('SIGINT')),
    child.stderr.text(),
    child.exited,
  ])
  return { commandLine: args.join(' '), exitCode, stdout, stderr, process }
}

/** @param onFirstChunk called on the first output */
async function readStdout(stream: ReadableStream<Uint8Array>, onFirstChunk: () => void): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) if (chunks.push(chunk) === 1) onFirstChunk()
  return Buffer.concat(chunks).toString()
}
