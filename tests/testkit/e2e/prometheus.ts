import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { timedOut, withTimeout } from '../../../src/core/timeout.ts'
import { tempDir } from '../temp-dir.ts'

export const monitoringDir = join(import.meta.dir, '../../../deploy/monitoring')

/** A start takes a few seconds: this only ends one that hangs. */
const START_TIMEOUT_MS = 60_000

/** Prometheus's response to a query. */
interface QueryResponse {
  status: string
  error?: string
  data?: { result: { metric: Record<string, string>; value: [number, string] }[] }
}

/**
 * Starts Debian's Prometheus on a free port with the configuration in `deploy/monitoring`.
 * @param target the scraped `HOST:PORT`
 */
export async function startPrometheus(target: string) {
  const dir = tempDir()
  const example = readFileSync(join(monitoringDir, 'prometheus.yml'), 'utf8')
  const config = example
    .replace('127.0.0.1:9464', target)
    .replaceAll(/(scrape|evaluation)_interval: 15s/g, '$1_interval: 1s')
    .replace('cikit-api.rules.yml', join(monitoringDir, 'cikit-api.rules.yml'))
  const file = join(dir.path, 'prometheus.yml')
  writeFileSync(file, config)
  const flags = ['--config.file', file, '--storage.tsdb.path', join(dir.path, 'data')]
  const child = Bun.spawn(['prometheus', ...flags, '--web.listen-address', '127.0.0.1:0'], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const listening = Promise.withResolvers<string>()
  const logLines: string[] = []
  let address = ''
  const lines = createInterface({ input: Readable.fromWeb(child.stderr) })
  lines.on('line', line => {
    logLines.push(line)
    address = /msg="Listening on" address=(\S+)/.exec(line)?.[1] ?? address
    if (line.includes('Server is ready')) listening.resolve(address)
  })
  lines.on('close', () => listening.reject(new Error(`prometheus exited: ${logLines.slice(-5).join('\n')}`)))
  const readyAddress = await withTimeout(listening.promise, START_TIMEOUT_MS)
  if (readyAddress === timedOut) {
    child.kill()
    throw new Error(`prometheus was not ready within ${START_TIMEOUT_MS} ms: ${logLines.slice(-5).join('\n')}`)
  }
  const url = `http://${readyAddress}/api/v1`
  const get = async (path: string): Promise<QueryResponse> =>
    (await (await fetch(`${url}${path}`)).json()) as QueryResponse

  return {
    get,
    query: (expression: string): Promise<QueryResponse> => get(`/query?query=${encodeURIComponent(expression)}`),
    async [Symbol.asyncDispose]() {
      child.kill()
      await child.exited
      dir[Symbol.dispose]()
    },
  }
}
