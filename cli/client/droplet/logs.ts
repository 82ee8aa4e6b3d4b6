import { ConfigError } from '../../../src/core/errors.ts'
import { defineCommand } from '../../shared/command.ts'
import { settingArgs } from '../../shared/flags.ts'
import { onInterrupt } from '../../shared/interrupts.ts'
import { print } from '../../shared/output.ts'
import { ConnectionLostError } from '../api/api-client.ts'
import { call, withApi } from '../api/session.ts'
import { sessionFileOf } from '../api/session-file.ts'
import { keepSessionAlive } from '../api/session-keepalive.ts'
import { dropletNameArg } from './name-arg.ts'
import { createOutputSanitizer } from './sanitize-output.ts'

const MAX_LINES = 10_000

export const logs = defineCommand({
  description: 'Print the log of a droplet: its journal, or its console output',
  args: {
    name: dropletNameArg,
    follow: { type: 'boolean', description: 'Keep following until Ctrl-C' },
    lines: { type: 'string', valueHint: 'NUMBER', description: `Number of lines, at most ${MAX_LINES} (100)` },
    console: {
      type: 'boolean',
      description: 'Print the output of its init process, also available for a stopped droplet',
    },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    const { lines = '100' } = args
    if (!/^\d{1,5}$/.test(lines) || Number(lines) > MAX_LINES) {
      throw new ConfigError(`--lines: give a number from 0 to ${MAX_LINES}`)
    }
    const source = args.console ? 'console' : 'journal'
    const query = { source, lines, follow: String(args.follow === true) }
    const file = sessionFileOf(args)
    using _ = onInterrupt(() => undefined)
    using __ = keepSessionAlive(file)
    const connection = new AbortController()
    const { body } = await withApi(file, api => api.openLogs(args.name, query, connection.signal))
    await printAll(body)
    connection.abort()
    // The log also ends with the session: a request then reports why.
    if (args.follow) await call(file, api => api.user.me.get())
  },
})

/** Escapes control characters on a terminal; otherwise passes the bytes through. */
async function printAll(body: ReadableStream<Uint8Array> | null): Promise<void> {
  const sanitizer = process.stdout.isTTY ? createOutputSanitizer() : undefined
  for await (const bytes of readChunks(body)) {
    if (!(await print(sanitizer ? sanitizer.push(bytes) : bytes))) return
  }
  if (sanitizer) await print(sanitizer.end())
}

/** @throws ConnectionLostError when the stream breaks off */
async function* readChunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  try {
    yield* body ?? []
  } catch (cause) {
    throw new ConnectionLostError('The connection broke off while reading the log', { cause })
  }
}
