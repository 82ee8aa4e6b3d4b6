import { readEnv, readHostFacts, toCoreConfig } from '../../src/config/config.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import { escapeText } from '../../src/core/log.ts'
import type { ServerHealth } from '../../src/monitoring/health/service.ts'
import { findLockHolder } from '../../src/store/serve-lock.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'

/** Less than the three seconds that whoever asks may wait for this program as a whole. */
const TIMEOUT_MS = 2_500

/** What is wrong, and where to look. Whatever is not here is all right. */
const problemTexts: Record<string, string> = {
  away: 'the engine is away (see that it runs)',
  'read-only': 'the store cannot be written (see that its disk has space)',
  unusable: 'the store cannot be used (see what the log says)',
}

export const health = defineCommand({
  description: 'Ask the server of this host how it is; exit 1 when it does not serve',
  args: {
    url: { type: 'string', valueHint: 'URL', description: 'Where to ask (as the server of the data directory says)' },
    json: { type: 'boolean', description: 'Print what GET /health answers' },
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

/** The process that serves the data directory. One that listens on 0.0.0.0 is reached by that very address, as Linux has it. */
function localServer(args: Record<string, unknown>): HealthTarget {
  const { dataDir } = toCoreConfig(toFlags(args), readEnv(), readHostFacts())
  const url = URL.parse(findLockHolder(dataDir)?.address ?? '')
  if (!url)
    throw new OperatorError(`Nobody serves ${dataDir}: start cikit-api serve, or name another --data-dir or a --url`)
  // Its certificate is for the name by which others call it, and perhaps of no authority: it is this host that is asked.
  return { url, verifyCertificate: false }
}

function parseTarget(text: string): HealthTarget {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`--url ${JSON.stringify(text)} is no address of a server: give http://HOST[:PORT]`)
  }
  return { url, verifyCertificate: true }
}

/** @throws OperatorError when it does not answer, or not as a cikit-api */
async function fetchHealth({ url, verifyCertificate }: HealthTarget): Promise<ServerHealth> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const options = { signal, redirect: 'manual', tls: { rejectUnauthorized: verifyCertificate } } as const
  const response = await fetch(new URL('/health', url), options).catch(cause => {
    const reason = errorMessage(cause)
    throw new OperatorError(`${url} does not answer (${escapeText(reason)}): see that cikit-api serve runs there`, {
      cause,
    })
  })
  const body: unknown = await response.json().catch(() => undefined)
  if (isServerHealth(body)) return body
  throw new OperatorError(`${url} answered ${response.status}, and not as a cikit-api does: name the server by --url`)
}

function isServerHealth(body: unknown): body is ServerHealth {
  const { status, engine, store } = (body ?? {}) as Partial<Record<keyof ServerHealth, unknown>>
  const isKnownStatus = status === 'ok' || status === 'degraded' || status === 'failed'
  return isKnownStatus && typeof engine === 'string' && typeof store === 'string'
}
