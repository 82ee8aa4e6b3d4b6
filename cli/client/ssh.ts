import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClientError, OperatorError } from '../../src/core/errors.ts'

/** The droplet's own public key, as the server tells it. */
export interface HostKey {
  /** What it is known by, which is no address: another droplet may have had the same port. */
  alias: string
  /** `ssh-ed25519 AAAA…`. */
  key: string
}

/**
 * Runs the ssh of this computer, by its arguments and without a shell.
 * @param options `hostKey`: who cannot show that it has this key is not let near; without one, ssh asks the person
 * @returns its exit code
 */
export async function runSsh(options: {
  hostname: string
  port: number
  remoteCommand: string[]
  hostKey?: HostKey | undefined
}): Promise<number> {
  const { hostname, port, remoteCommand, hostKey } = options
  if (!Bun.which('ssh')) throw new OperatorError('There is no ssh here: install an OpenSSH client')
  using knownHosts = hostKey && createKnownHostsFile(hostKey)
  const host = `root@${hostname.replace(/^\[|\]$/g, '')}`
  const child = Bun.spawn(['ssh', ...(knownHosts?.flags ?? []), '-p', String(port), host, ...remoteCommand], {
    stdio: ['inherit', 'inherit', 'inherit'],
  })
  using _ = forwardSignals(child)
  return await child.exited
}

/** A file of known hosts for this one connection, in a directory of its own (0700), until its scope ends. */
function createKnownHostsFile({ alias, key }: HostKey) {
  // A line feed would make a line of its own, and a star would fit everywhere.
  if (!/^[\w.-]+$/.test(alias) || !/^[\w@.-]+ [\w+/=]+$/.test(key)) {
    throw new ClientError('refused', 'The server tells a host key for this droplet that is none')
  }
  const dir = mkdtempSync(join(tmpdir(), 'cikit-api-'))
  const file = join(dir, 'known_hosts')
  writeFileSync(file, `${alias} ${key}\n`, { mode: 0o600 })
  // ssh_config(5): values with blanks are quoted, and % begins a token.
  const quoted = `"${file.replaceAll('%', '%%')}"`
  const options = [
    `UserKnownHostsFile=${quoted}`,
    'GlobalKnownHostsFile=/dev/null',
    `HostKeyAlias=${alias}`,
    'StrictHostKeyChecking=yes',
    // Else ssh before 8.5 looks for the address as well.
    'CheckHostIP=no',
    // Nor is it DNS that knows it better, whatever the person's own configuration says.
    'VerifyHostKeyDNS=no',
  ]
  return {
    flags: options.flatMap(option => ['-o', option]),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** So that what is to be tidied up is, once ssh has ended. Ctrl-C reaches ssh by the terminal. */
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
