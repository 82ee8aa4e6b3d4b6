import { accessSync, constants, mkdirSync } from 'node:fs'
import { type Certificate, readCertificate } from '../src/certificate.ts'
import { type Config, readEnv, readHost, toConfig } from '../src/config.ts'
import { type Context, createContext } from '../src/context.ts'
import { ConfigError } from '../src/errors.ts'
import { createLog, describeError, type Log } from '../src/log.ts'
import { type ServeLock, takeServeLock } from '../src/store/serve-lock.ts'
import { version } from '../src/version.ts'
import { actAsOwnerOf } from './act-as-owner.ts'
import { command, flagsOf, serveSettings, settingArgs } from './command.ts'
import { type Listener, listen } from './listener.ts'
import { listenForMetrics, type MetricsListener } from './metrics-listener.ts'
import { createOwnBackups } from './own-backups.ts'
import { createRenewal } from './renewal.ts'
import { createStdoutSink } from './stdout-sink.ts'

/** How long running requests and droplet operations may take to end after the first signal. */
const DRAIN_MS = 60_000
/** A clock that is set back while nobody serves lengthens no token by more than this. */
const KEEP_HOUSE_EVERY_MS = 30_000
const LOOK_AT_CERTIFICATE_EVERY_MS = 5_000

export const serve = command({
  meta: { name: 'cikit-api serve', description: 'Serve the API' },
  args: settingArgs(...serveSettings),
  run: async ({ args }) => {
    const config = toConfig(flagsOf(args), readEnv(), readHost())
    const sink = createStdoutSink()
    const log = createLog({ write: sink.write, readable: process.stdout.isTTY === true, now: Date.now })
    actAsOwnerOf(config.dataDir, config.engine.kind === 'unix' ? config.engine.path : undefined)
    const lock = takeServeLock(config.dataDir)
    try {
      checkCredentialsDir(config.droplets.credentialsDir)
      const drained = await serveUntilSignal(config, lock, log)
      if (!drained) {
        // What still runs may write: the directory stays locked until the process is gone, and that is now.
        await sink.flush()
        process.exit(1)
      }
    } finally {
      lock.release()
      await sink.flush()
    }
    // A look into a droplet may still be under way, for as long as that droplet likes: nobody waits for what it finds.
    process.exit(0)
  },
})

/** @returns whether all work ended in time */
async function serveUntilSignal(config: Config, lock: ServeLock, log: Log): Promise<boolean> {
  // Heard from the first moment on: a signal during the start is no reason to leave things half done.
  const signalled = nextSignal()
  const context = await createContext(config, log)
  let listener: Listener | undefined
  let metricsListener: MetricsListener | undefined
  try {
    const certificate = config.listen.tls && readCertificate(config.listen.tls)
    listener = listen(config.listen, context, certificate)
    metricsListener = listenForMetrics(context)
    const { address } = listener
    lock.announce(address)
    log.info('listening', { address, version, dataDir: config.dataDir, pid: process.pid })
    if (config.listen.exposedWithoutTls) {
      log.warn(
        'plain HTTP on an address that others can reach: put a proxy with TLS in front, or give --tls-cert and --tls-key',
      )
    }
    renewCertificates({ listener, config, certificate, context })
    await context.audit.recordInterrupted()
    await context.droplets.resume()
    const keepHouse = () =>
      context
        .keepHouse()
        .catch(error => log.warn('the house was not kept: time, sessions and audit', { error: describeError(error) }))
    setInterval(keepHouse, KEEP_HOUSE_EVERY_MS).unref()
    await keepHouse()
    process.on('unhandledRejection', error => log.error('unhandled rejection', { error: describeError(error) }))
    const backups = config.backups && createOwnBackups(config, config.backups, log)
    backups?.start()

    const signal = await signalled
    log.info('stopping', { signal })
    nextSignal().then(() => process.exit(130))
    await backups?.close()
    if (!(await drain(listener, context))) {
      log.warn('not all work ended in time', { seconds: DRAIN_MS / 1000 })
      return false
    }
    await keepHouse()
    // To the end it is told how the rest goes.
    await metricsListener?.stop()
  } catch (error) {
    await metricsListener?.stop()
    await listener?.stop({ atOnce: true })
    await context.close()
    throw error
  }
  await context.close()
  log.info('stopped')
  return true
}

/** Whoever renews a certificate tells it by SIGHUP, or just writes the files. */
function renewCertificates(options: {
  listener: Listener
  config: Config
  certificate: Certificate | undefined
  context: Context
}): void {
  const { listener, config, certificate: present, context } = options
  const { log, now, metrics } = context
  const files = config.listen.tls
  if (!files || !present) {
    process.on('SIGHUP', () => log.info('there is nothing to read anew: no certificate is in use'))
    return
  }
  metrics?.certificateUsed(present)
  const use = (certificate: Certificate) => {
    listener.renew(certificate)
    metrics?.certificateUsed(certificate)
  }
  const renewal = createRenewal({ files, present, use, now, log })
  process.on('SIGHUP', renewal.now)
  setInterval(renewal.look, LOOK_AT_CERTIFICATE_EVERY_MS).unref()
}

/**
 * New connections are refused, and what runs may end: the requests, and the droplets' changes whose caller went away.
 * @returns whether all of it did in time
 */
async function drain(listener: Listener, context: Context): Promise<boolean> {
  const limit = Promise.withResolvers<false>()
  const timer = setTimeout(limit.resolve, DRAIN_MS, false)
  // Nobody waits for what never ends; whoever follows comes back to the next process.
  context.events.close()
  context.statistics.close()
  context.logs.close()
  const terminalsEnded = context.terminals.close()
  // In this order: a request that is still running may be just about to begin a change.
  const ended = listener
    .stop()
    .then(() => terminalsEnded)
    .then(() => context.droplets.idle())
    .then(() => true)
  const inTime = await Promise.race([ended, limit.promise])
  clearTimeout(timer)
  return inTime
}

/** Found out before the first add, which would have to be undone. */
function checkCredentialsDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    accessSync(path, constants.W_OK)
  } catch (error) {
    throw new ConfigError(
      `--credentials-dir ${path} cannot be used (${messageOf(error)}): name a directory that this user may write to`,
    )
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    const signals = ['SIGTERM', 'SIGINT'] as const
    const heard = (signal: NodeJS.Signals) => {
      for (const name of signals) process.off(name, heard)
      resolve(signal)
    }
    for (const name of signals) process.on(name, heard)
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
