import type { Server } from 'bun'
import { createApp } from '../src/app.ts'
import type { Certificate } from '../src/certificate.ts'
import type { Config } from '../src/config.ts'
import type { Context } from '../src/context.ts'
import { ConfigError, OperatorError } from '../src/errors.ts'
import { type TerminalSocket, terminalSockets } from '../src/exec/socket.ts'
import { IDLE_SECONDS } from '../src/http/idle.ts'

const LOOK_FOR_REQUESTS_EVERY_MS = 100

/** The API where clients reach it. */
export interface Listener {
  /** `https://0.0.0.0:1337/`. */
  address: string
  /**
   * From now on every new connection gets this certificate; those that are open keep theirs until they end. Nothing
   * happens after `stop`.
   * @throws ConfigError when TLS does not take it; nothing has changed then
   */
  renew(certificate: Certificate): void
  /** Refuses new connections, and ends when the last request has. */
  stop(options?: { atOnce: boolean }): Promise<void>
}

/**
 * @throws OperatorError when the address is taken or none of this host's
 * @throws ConfigError when TLS does not take the certificate
 */
export function listen(place: Config['listen'], context: Context, certificate?: Certificate): Listener {
  const app = createApp(context)
  if (certificate) refuseTakenPort(place)
  let server = open(place.port, certificate)
  /** Those before it whose last connections are still open. */
  const leaving = new Set<Server<TerminalSocket>>()
  let isStopped = false

  return {
    address: String(server.url),
    renew(next) {
      if (isStopped) return
      const before = server
      server = open(Number(server.port), next)
      leave(before)
    },
    async stop({ atOnce } = { atOnce: false }) {
      isStopped = true
      const servers = [server, ...leaving]
      const stop = (now: boolean) => Promise.all(servers.map(each => each.stop(now)))
      const ended = stop(atOnce)
      // A connection over TLS that has not asked for anything would be waited for until it has been silent for too long.
      const timer = setInterval(() => {
        if (servers.every(({ pendingRequests }) => pendingRequests === 0)) stop(true)
      }, LOOK_FOR_REQUESTS_EVERY_MS)
      await ended
      clearInterval(timer)
    },
  }

  function open(port: number, tls: Certificate | undefined): Server<TerminalSocket> {
    const { host: hostname } = place
    const options = { hostname, port, idleTimeout: IDLE_SECONDS, fetch: app.fetch, websocket: terminalSockets }
    try {
      // Bun gives a server no other certificate. So a second one takes its place at the same port, which the kernel allows
      // to processes of one user only.
      const opened = Bun.serve(
        tls ? { ...options, tls: { cert: tls.cert, key: tls.key }, http2: true, reusePort: true } : options,
      )
      app.server = opened
      return opened
    } catch (error) {
      throw tls && !isAddressError(error) ? certificateRefused(place, error) : addressRefused(place, error)
    }
  }

  function leave(before: Server<TerminalSocket>): void {
    leaving.add(before)
    before.stop().finally(() => leaving.delete(before))
  }
}

/** Since a port that may be shared could be shared with another serve, too, and nobody would be told. */
function refuseTakenPort({ host: hostname, port, ...place }: Config['listen']): void {
  if (port === 0) return
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true)
  } catch (error) {
    throw addressRefused({ host: hostname, port, ...place }, error)
  }
}

function addressRefused({ host, port }: Config['listen'], error: unknown): OperatorError {
  return new OperatorError(
    `Cannot listen on ${host}:${port} (${messageOf(error)}): stop what listens there, or choose another --port or --host`,
  )
}

function certificateRefused({ tls }: Config['listen'], error: unknown): ConfigError {
  return new ConfigError(
    `--tls-cert ${tls?.certFile}, --tls-key ${tls?.keyFile}: ${messageOf(error)}: give a certificate and its own key in PEM`,
  )
}

function isAddressError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^E(ADDR|ACCES)/.test(String(error.code))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
