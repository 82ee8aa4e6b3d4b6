import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClientError, OperatorError } from '../../src/core/errors.ts'

/** A droplet's public host key, as reported by the server. */
interface HostKey {
  /** Identifies the droplet in known_hosts. Not its address: an earlier droplet may have had the same port. */
  alias: string
  /** `ssh-ed25519 AAAA…`. */
  key: string
}

/**
 * Runs the local ssh program, without a shell.
 * @param options `hostKey` must match the droplet's; without one, ssh asks the user to confirm the key
 * @returns its exit code
 */
export async function runSsh(options: {
  hostname: string
  port: number
  remoteCommand: string[]
  hostKey?: HostKey | undefined
}): Promise<number> {
  const { hostname, port, remoteCommand, hostKey } = options
  if (!Bun.which('ssh')) throw new OperatorError('ssh was not found: install an OpenSSH client')
  using knownHosts = hostKey && createKnownHostsFile(hostKey)
  const host = `root@${hostname.replace(/^\[|\]$/g, '')}`
  const child = Bun.spawn(['ssh', ...(knownHosts?.flags ?? []), '-p', String(port), host, ...remoteCommand], {
    stdio: ['inherit', 'inherit', 'inherit'],
  })
  using _ = forwardSignals(child)
  return await child.exited
}

/** A known_hosts file for this connection only, in its own directory (0700), until its scope ends. */
function createKnownHostsFile({ alias, key }: HostKey) {
  // A line feed would add an entry, and a star would match every host.
  if (!/^[\w.-]+$/.test(alias) || !/^[\w@.-]+ [\w+/=]+$/.test(key)) {
    throw new ClientError('refused', 'The server reported an invalid host key for this droplet')
  }
  const dir = mkdtempSync(join(tmpdir(), 'cikit-api-'))
  const file = join(dir, 'known_hosts')
  writeFileSync(file, `${alias} ${key}\n`, { mode: 0o600 })
  // ssh_config(5): quote values with blanks; % starts a token.
  const quoted = `"${file.replaceAll('%', '%%')}"`
  const options = [
    `UserKnownHostsFile=${quoted}`,
    'GlobalKnownHostsFile=/dev/null',
    `HostKeyAlias=${alias}`,
    'StrictHostKeyChecking=yes',
    // OpenSSH before 8.5 would also check the address.
    'CheckHostIP=no',
    // Overrides a user configuration that trusts DNS.
    'VerifyHostKeyDNS=no',
  ]
  return {
    flags: options.flatMap(option => ['-o', option]),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** Lets this program clean up after ssh ends. Ctrl-C reaches ssh through the terminal. */
function forwardSignals(child: { kill: (signal: NodeJS.Signals) => void }) {
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(signal => {
    const listener = () => {
      if (signal !== 'SIGINT') child.kill(signal)
    }
    process.on(signal, listener)
    return { signal, listener }
  })
  return {
    [Symbol.dispose]() {
      for (const { signal, listener } of listeners) process.off(signal, listener)
    },
  }
}
