import type { Server } from 'bun'
import { IDLE_TIMEOUT_SECONDS } from '../../src/api/http/idle-timeout.ts'
import { createApp } from '../../src/app.ts'
import type { Config } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import type { Certificate } from '../../src/core/certificate.ts'
import { errorCode } from '../../src/core/error-code.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import { type TerminalSocketData, terminalSocketHandler } from '../../src/droplets/exec/websocket.ts'

const PENDING_REQUESTS_POLL_MS = 100

export interface Listener {
  /** `https://0.0.0.0:1337/`. */
  address: string
  /**
   * Uses this certificate for new connections; open ones keep theirs. Does nothing after `stop`.
   * @throws ConfigError if TLS does not accept it; the previous certificate stays in use
   */
  setCertificate(certificate: Certificate): void
  /** Rejects new connections, and resolves when the last request has ended. */
  stop(options?: { force: boolean }): Promise<void>
}

/**
 * @throws OperatorError if the address is in use or not one of this host's
 * @throws ConfigError if TLS does not accept the certificate
 */
export function listen(endpoint: Config['listen'], context: Context, certificate?: Certificate): Listener {
  const app = createApp(context)
  if (certificate) rejectPortInUse(endpoint)
  let server = startServer(endpoint.port, certificate)
  /** Replaced servers with connections still open. */
  const draining = new Set<Server<TerminalSocketData>>()
  let isStopped = false

  return {
    address: String(server.url),
    setCertificate(newCertificate) {
      if (isStopped) return
      const previous = server
      server = startServer(Number(server.port), newCertificate)
      drain(previous)
    },
    async stop({ force } = { force: false }) {
      isStopped = true
      const servers = [server, ...draining]
      const stop = (closeActive: boolean) => Promise.all(servers.map(each => each.stop(closeActive)))
      const stopped = stop(force)
      // Without this, an idle TLS connection would delay the end until its idle timeout.
      const timer = setInterval(() => {
        if (servers.every(({ pendingRequests }) => pendingRequests === 0)) stop(true)
      }, PENDING_REQUESTS_POLL_MS)
      await stopped
      clearInterval(timer)
    },
  }

  function startServer(port: number, tls: Certificate | undefined): Server<TerminalSocketData> {
    const { host: hostname } = endpoint
    const options = {
      hostname,
      port,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      fetch: app.fetch,
      websocket: terminalSocketHandler,
    }
    try {
      // Bun cannot change a server's certificate, so a second server takes over the port. The kernel allows sharing a port
      // only to processes of one user.
      const bunServer = Bun.serve(
        tls ? { ...options, tls: { cert: tls.cert, key: tls.key }, http2: true, reusePort: true } : options,
      )
      app.server = bunServer
      return bunServer
    } catch (error) {
      throw tls && !isAddressError(error) ? certificateError(endpoint, error) : listenError(endpoint, error)
    }
  }

  function drain(previous: Server<TerminalSocketData>): void {
    draining.add(previous)
    previous.stop().finally(() => draining.delete(previous))
  }
}

/** With a shared port, a second `serve` on it would go unnoticed. */
function rejectPortInUse({ host: hostname, port, ...rest }: Config['listen']): void {
  if (port === 0) return
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true)
  } catch (error) {
    throw listenError({ host: hostname, port, ...rest }, error)
  }
}

function listenError({ host, port }: Config['listen'], error: unknown): OperatorError {
  return new OperatorError(
    `Cannot listen on ${host}:${port} (${errorMessage(error)}): stop the program that uses it, or choose another --port or --host`,
  )
}

function certificateError({ tls }: Config['listen'], error: unknown): ConfigError {
  return new ConfigError(
    `--tls-cert ${tls?.certFile}, --tls-key ${tls?.keyFile}: ${errorMessage(error)}: give a certificate and its key in PEM`,
  )
}

function isAddressError(error: unknown): boolean {
  return /^E(ADDR|ACCES)/.test(errorCode(error) ?? '')
}
