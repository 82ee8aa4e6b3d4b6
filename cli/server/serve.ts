import { accessSync, constants, mkdirSync } from 'node:fs'
import { readEnv, readHostFacts, toConfig } from '../../src/config/config.ts'
import type { Config } from '../../src/config/types.ts'
import { type Context, createContext } from '../../src/context.ts'
import { type Certificate, readCertificate } from '../../src/core/certificate.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { createLog, describeError, type Log } from '../../src/core/log.ts'
import { timedOut, withTimeout } from '../../src/core/timeout.ts'
import { acquireServeLock, type ServeLock } from '../../src/store/serve-lock.ts'
import { version } from '../../src/version.ts'
import { dropPrivilegesToOwner } from '../host/drop-privileges.ts'
import { defineCommand } from '../shared/command.ts'
import { serverSettings, settingArgs, toFlags } from '../shared/flags.ts'
import { createCertificateRenewal } from './certificate-renewal.ts'
import { type Listener, listen } from './listener.ts'
import { type MetricsListener, startMetricsListener } from './metrics-listener.ts'
import { createScheduledBackups } from './scheduled-backups.ts'
import { createStdoutSink } from './stdout-sink.ts'

/** Time for running requests and droplet operations to end after the first signal. */
const DRAIN_TIMEOUT_MS = 60_000
/** A clock that is set back while the server is down extends tokens by at most this much. */
const MAINTENANCE_INTERVAL_MS = 30_000
const CERTIFICATE_POLL_INTERVAL_MS = 5_000

export const serve = defineCommand({
  description: 'Serve the API and the dashboard',
  args: settingArgs(...serverSettings),
  run: async ({ args }) => {
    const config = toConfig(toFlags(args), readEnv(), readHostFacts())
    const sink = createStdoutSink()
    const log = createLog({ write: sink.write, readable: process.stdout.isTTY === true, now: Date.now })
    dropPrivilegesToOwner(config.dataDir, config.engine.kind === 'unix' ? config.engine.path : undefined)
    const lock = acquireServeLock(config.dataDir)
    try {
      requireCredentialsDir(config.droplets.credentialsDir)
      const drained = await serveUntilSignal(config, lock, log)
      if (!drained) {
        // Work that still runs may write, so the lock is held until the process exits.
        await sink.flush()
        process.exit(1)
      }
    } finally {
      lock.release()
      await sink.flush()
    }
    // A health probe may still be waiting for a droplet; its result is not needed.
    process.exit(0)
  },
})

/** @returns whether all work ended in time */
async function serveUntilSignal(config: Config, lock: ServeLock, log: Log): Promise<boolean> {
  // Listening from the start: a signal during startup must not leave work half done.
  const stopSignal = nextSignal()
  const context = await createContext(config, log)
  let listener: Listener | undefined
  let metricsListener: MetricsListener | undefined
  try {
    context.start()
    const certificate = config.listen.tls && readCertificate(config.listen.tls)
    listener = listen(config.listen, context, certificate)
    metricsListener = startMetricsListener(context)
    const { address } = listener
    lock.announce(address)
    log.info('listening', { address, version, dataDir: config.dataDir, pid: process.pid })
    if (config.listen.exposedWithoutTls) {
      log.warn(
        'plain HTTP on an address that others can reach: put a TLS proxy in front, or give --tls-cert and --tls-key',
      )
    }
    startCertificateRenewal({ listener, config, certificate, context })
    await context.audit.recordInterrupted()
    await context.droplets.resume()
    const runMaintenance = () =>
      context.runMaintenance().catch(error => log.warn('maintenance failed', { error: describeError(error) }))
    setInterval(runMaintenance, MAINTENANCE_INTERVAL_MS).unref()
    await runMaintenance()
    process.on('unhandledRejection', error => log.error('unhandled rejection', { error: describeError(error) }))
    const backups = config.backups && createScheduledBackups(config, config.backups, log)
    backups?.start()

    const signal = await stopSignal
    log.info('stopping', { signal })
    nextSignal().then(() => process.exit(130))
    await backups?.close()
    if (!(await drain(listener, context))) {
      log.warn('not all work ended in time', { seconds: DRAIN_TIMEOUT_MS / 1000 })
      return false
    }
    await runMaintenance()
    // Last, so that metrics cover the shutdown.
    await metricsListener?.stop()
  } catch (error) {
    await metricsListener?.stop()
    await listener?.stop({ force: true })
    await context.close()
    throw error
  }
  await context.close()
  log.info('stopped')
  return true
}

/** A renewed certificate is noticed by polling the files, or at once by SIGHUP. */
function startCertificateRenewal(options: {
  listener: Listener
  config: Config
  certificate: Certificate | undefined
  context: Context
}): void {
  const { listener, config, certificate: current, context } = options
  const { log, now, metrics } = context
  const files = config.listen.tls
  if (!files || !current) {
    process.on('SIGHUP', () => log.info('nothing to reload: no certificate is in use'))
    return
  }
  metrics?.setCertificate(current)
  const apply = (certificate: Certificate) => {
    listener.setCertificate(certificate)
    metrics?.setCertificate(certificate)
  }
  const renewal = createCertificateRenewal({ files, current, apply, now, log })
  process.on('SIGHUP', renewal.reload)
  setInterval(renewal.poll, CERTIFICATE_POLL_INTERVAL_MS).unref()
}

/**
 * Rejects new connections, and waits for requests and droplet operations, including those whose client has gone.
 * @returns whether all of them ended in time
 */
async function drain(listener: Listener, context: Context): Promise<boolean> {
  // Streams never end by themselves; their clients reconnect to the next process.
  context.events.close()
  context.stats.close()
  context.logs.close()
  const terminalsClosed = context.terminals.close()
  // In this order: a running request may still start an operation.
  const drained = listener
    .stop()
    .then(() => terminalsClosed)
    .then(() => context.droplets.idle())
  return (await withTimeout(drained, DRAIN_TIMEOUT_MS)) !== timedOut
}

/** Checked at startup, because a failure during an add would need a rollback. */
function requireCredentialsDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    accessSync(path, constants.W_OK)
  } catch (error) {
    throw new ConfigError(
      `--credentials-dir ${path} cannot be used (${errorMessage(error)}): name a directory that this user can write to`,
    )
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    const signals = ['SIGTERM', 'SIGINT'] as const
    const onSignal = (signal: NodeJS.Signals) => {
      for (const name of signals) process.off(name, onSignal)
      resolve(signal)
    }
    for (const name of signals) process.on(name, onSignal)
  })
}
