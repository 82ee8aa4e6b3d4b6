import { readEnv, readHost, toAccessConfig } from '../src/config.ts'
import { ConfigError, OperatorError } from '../src/errors.ts'
import type { ServerHealth } from '../src/health/service.ts'
import { escapeText } from '../src/log.ts'
import { servedBy } from '../src/store/serve-lock.ts'
import { command, flagsOf, settingArgs } from './command.ts'

/** Less than the three seconds that whoever asks may wait for this program as a whole. */
const LIMIT_MS = 2_500

/** What is wrong, and where to look. Whatever is not here is all right. */
const complaints: Record<string, string> = {
  away: 'the engine is away (see that it runs)',
  'read-only': 'the store cannot be written (see that its disk has space)',
  unusable: 'the store cannot be used (see what the log says)',
}

export const health = command({
  meta: {
    name: 'cikit-api health',
    description: 'Ask the server of this host how it is; exit 1 when it does not serve',
  },
  args: {
    url: { type: 'string', valueHint: 'URL', description: 'Where to ask (as the server of the data directory says)' },
    json: { type: 'boolean', description: 'Print what GET /health answers' },
    ...settingArgs('data-dir'),
  },
  run: async ({ args }) => {
    const found = await ask(args.url === undefined ? ownServer(args) : namedServer(args.url))
    const wrong = [found.engine, found.store].flatMap(word => complaints[word] ?? [])
    const text = wrong.length > 0 ? `${found.status}: ${wrong.join(', ')}` : found.status
    if (args.json) process.stdout.write(`${JSON.stringify(found)}\n`)
    if (found.status === 'failed') throw new OperatorError(text)
    if (!args.json) process.stdout.write(`${text}\n`)
  },
})

interface Asked {
  url: URL
  verified: boolean
}

/** The process that serves the data directory. One that listens on 0.0.0.0 is reached by that very address, as Linux has it. */
function ownServer(args: Record<string, unknown>): Asked {
  const { dataDir } = toAccessConfig(flagsOf(args), readEnv(), readHost())
  const url = URL.parse(servedBy(dataDir)?.address ?? '')
  if (!url)
    throw new OperatorError(`Nobody serves ${dataDir}: start cikit-api serve, or name another --data-dir or a --url`)
  // Its certificate is for the name by which others call it, and perhaps of no authority: it is this host that is asked.
  return { url, verified: false }
}

function namedServer(text: string): Asked {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`--url ${JSON.stringify(text)} is no address of a server: give http://HOST[:PORT]`)
  }
  return { url, verified: true }
}

/** @throws OperatorError when it does not answer, or not as a cikit-api */
async function ask({ url, verified }: Asked): Promise<ServerHealth> {
  const signal = AbortSignal.timeout(LIMIT_MS)
  const options = { signal, redirect: 'manual', tls: { rejectUnauthorized: verified } } as const
  const response = await fetch(new URL('/health', url), options).catch(cause => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(`${url} does not answer (${escapeText(reason)}): see that cikit-api serve runs there`, {
      cause,
    })
  })
  const answer: unknown = await response.json().catch(() => undefined)
  if (isServerHealth(answer)) return answer
  throw new OperatorError(`${url} answered ${response.status}, and not as a cikit-api does: name the server by --url`)
}

function isServerHealth(answer: unknown): answer is ServerHealth {
  const { status, engine, store } = (answer ?? {}) as Partial<Record<keyof ServerHealth, unknown>>
  const known = status === 'ok' || status === 'degraded' || status === 'failed'
  return known && typeof engine === 'string' && typeof store === 'string'
}
