import { readEnv, readHostFacts, toCoreConfig } from '../../src/config/config.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import { escapeText } from '../../src/core/log.ts'
import type { ServerHealth } from '../../src/monitoring/health/service.ts'
import { findLockHolder } from '../../src/store/serve-lock.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'

/** Less than the three seconds that a monitoring system may allow for the whole command. */
const TIMEOUT_MS = 2_500

/** Texts for the states that are a problem. */
const problemTexts: Record<string, string> = {
  away: 'the engine is away (check that it runs)',
  'read-only': 'the store cannot be written (check that its disk has space)',
  unusable: 'the store cannot be used (see the log)',
}

export const health = defineCommand({
  description: 'Check the health of the server on this host; exit 1 if it does not serve',
  args: {
    url: {
      type: 'string',
      valueHint: 'URL',
      description: 'Address of the server (default: the one that serves the data directory)',
    },
    json: { type: 'boolean', description: 'Print the response of GET /health' },
    ...settingArgs('data-dir'),
  },
  run: async ({ args }) => {
    const report = await fetchHealth(args.url === undefined ? localServer(args) : parseTarget(args.url))
    const problems = [report.engine, report.store].flatMap(state => problemTexts[state] ?? [])
    const text = problems.length > 0 ? `${report.status}: ${problems.join(', ')}` : report.status
    if (args.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    if (report.status === 'failed') throw new OperatorError(text)
    if (!args.json) process.stdout.write(`${text}\n`)
  },
})

interface HealthTarget {
  url: URL
  verifyCertificate: boolean
}

/** The server of the data directory. On Linux, one that listens on 0.0.0.0 can be reached at that address. */
function localServer(args: Record<string, unknown>): HealthTarget {
  const { dataDir } = toCoreConfig(toFlags(args), readEnv(), readHostFacts())
  const url = URL.parse(findLockHolder(dataDir)?.address ?? '')
  if (!url)
    throw new OperatorError(
      `No server runs for ${dataDir}: start cikit-api serve, or give another --data-dir or a --url`,
    )
  // The certificate names the public host and may be self-signed. The connection does not leave this host.
  return { url, verifyCertificate: false }
}

function parseTarget(text: string): HealthTarget {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`--url ${JSON.stringify(text)} is not a server address: give http://HOST[:PORT]`)
  }
  return { url, verifyCertificate: true }
}

/** @throws OperatorError if it does not answer, or is not cikit-api */
async function fetchHealth({ url, verifyCertificate }: HealthTarget): Promise<ServerHealth> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const options = { signal, redirect: 'manual', tls: { rejectUnauthorized: verifyCertificate } } as const
  const response = await fetch(new URL('/health', url), options).catch(cause => {
    const reason = errorMessage(cause)
    throw new OperatorError(`${url} does not answer (${escapeText(reason)}): check that cikit-api serve runs there`, {
      cause,
    })
  })
  const body: unknown = await response.json().catch(() => undefined)
  if (isServerHealth(body)) return body
  throw new OperatorError(
    `${url} answered ${response.status}, but not as cikit-api: give the server's address with --url`,
  )
}

function isServerHealth(body: unknown): body is ServerHealth {
  const { status, engine, store } = (body ?? {}) as Partial<Record<keyof ServerHealth, unknown>>
  const isKnownStatus = status === 'ok' || status === 'degraded' || status === 'failed'
  return isKnownStatus && typeof engine === 'string' && typeof store === 'string'
}
