import { readFileSync } from 'node:fs'
import type { Server } from 'bun'
import { version } from '../package.json'
import { createApp } from '../src/app.ts'
import { type Config, readEnv, readHost, toConfig } from '../src/config.ts'
import { type Context, createContext } from '../src/context.ts'
import { ConfigError, OperatorError } from '../src/errors.ts'
import { createLog, describeError, type Log } from '../src/log.ts'
import { checkIntegrity } from '../src/store/database.ts'
import { type ServeLock, takeServeLock } from '../src/store/serve-lock.ts'
import { command, flagsOf, settingArgs } from './command.ts'
import { createStdoutSink } from './stdout-sink.ts'

/** How long running requests and droplet operations may take to end after the first signal. */
const DRAIN_MS = 60_000
/** Seconds without a byte after which a connection is closed. */
const IDLE_SECONDS = 15

export const serve = command({
  meta: { name: 'cikit-api serve', description: 'Serve the API' },
  args: settingArgs(
    'host',
    'port',
    'data-dir',
    'docker-host',
    'domain',
    'image',
    'prefix',
    'credentials-dir',
    'tls-cert',
    'tls-key',
    'allowed-hosts',
    'trusted-proxies',
  ),
  run: async ({ args }) => {
    const config = toConfig(flagsOf(args), readEnv(), readHost())
    const sink = createStdoutSink()
    const log = createLog({ write: sink.write, readable: process.stdout.isTTY === true, now: Date.now })
    const lock = takeServeLock(config.dataDir)
    try {
      await serveUntilSignal(config, lock, log)
    } finally {
      lock.release()
      await sink.flush()
    }
  },
})

async function serveUntilSignal(config: Config, lock: ServeLock, log: Log): Promise<void> {
  // Heard from the first moment on: a signal during the start is no reason to leave things half done.
  const signalled = nextSignal()
  const context = await createContext(config, log)
  try {
    checkIntegrity(context.db, config.dataDir)
    const server = listen(config, context)
    // `%h:%p` for a person, and where the next `serve` says this one is.
    const address = String(server.url)
    lock.announce(address)
    log.info('listening', { address, version, dataDir: config.dataDir, pid: process.pid })
    if (config.listen.exposedWithoutTls) {
      log.warn(
        'plain HTTP on an address that others can reach: put a proxy with TLS in front, or give --tls-cert and --tls-key',
      )
    }
    context.droplets.tidyUp()
    process.on('unhandledRejection', error => log.error('unhandled rejection', { error: describeError(error) }))

    const signal = await signalled
    log.info('stopping', { signal })
    nextSignal().then(() => process.exit(130))
    await drain(server, context, log)
  } finally {
    await context.close()
  }
  log.info('stopped')
}

function listen(config: Config, context: Context): Server<undefined> {
  const { host: hostname, port, tls: files } = config.listen
  const app = createApp(context)
  const tls = files && { cert: readPem('--tls-cert', files.certFile), key: readPem('--tls-key', files.keyFile) }
  try {
    const server = Bun.serve({
      hostname,
      port,
      idleTimeout: IDLE_SECONDS,
      fetch: app.fetch,
      ...(tls && { tls, http2: true }),
    })
    app.server = server
    return server
  } catch (error) {
    if (tls && !isAddressError(error)) {
      throw new ConfigError(
        `--tls-cert ${files?.certFile}, --tls-key ${files?.keyFile}: ${messageOf(error)}: give a certificate and its own key in PEM`,
      )
    }
    throw new OperatorError(
      `Cannot listen on ${hostname}:${port} (${messageOf(error)}): stop what listens there, or choose another --port or --host`,
    )
  }
}

/** New connections are refused, and what runs may end: the requests, and the droplets' changes whose caller went away. */
async function drain(server: Server<undefined>, context: Context, log: Log): Promise<void> {
  const limit = Promise.withResolvers<'late'>()
  const timer = setTimeout(limit.resolve, DRAIN_MS, 'late')
  const ended = Promise.all([server.stop(), context.droplets.idle()])
  if ((await Promise.race([ended, limit.promise])) === 'late') {
    log.warn('not all work ended in time', { seconds: DRAIN_MS / 1000 })
    await server.stop(true)
  }
  clearTimeout(timer)
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

function readPem(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${flag} ${file} cannot be read (${messageOf(error)}): name a readable file in PEM`)
  }
}

function isAddressError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^E(ADDR|ACCES)/.test(String(error.code))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
