import { ConfigError } from '../../src/errors.ts'
import { call, withApi } from '../client/client.ts'
import { ConnectionLost } from '../client/server.ts'
import { command, sessionFileOf, settingArgs } from '../command.ts'
import { onInterrupt } from '../interrupt.ts'
import { keepSession } from '../kept-session.ts'
import { print } from '../output.ts'
import { createHarmlessText } from './harmless-text.ts'
import { name } from './name.ts'

const MOST_LINES = 10_000

export const logs = command({
  meta: { name: 'cikit-api droplet logs', description: 'Print what a droplet says: its journal, or its console' },
  args: {
    name,
    follow: { type: 'boolean', description: 'Go on with what comes, until Ctrl-C' },
    lines: { type: 'string', valueHint: 'NUMBER', description: `The last so many, ${MOST_LINES} at most (100)` },
    console: { type: 'boolean', description: 'What its init prints, which is there for a stopped one, too' },
    ...settingArgs('session-file'),
  },
  run: async ({ args }) => {
    const { lines = '100' } = args
    if (!/^\d{1,5}$/.test(lines) || Number(lines) > MOST_LINES) {
      throw new ConfigError(`--lines: give a number from 0 to ${MOST_LINES}`)
    }
    const source = args.console ? 'console' : 'journal'
    const query = { source, lines, follow: String(args.follow === true) }
    const file = sessionFileOf(args)
    using _ = onInterrupt(() => undefined)
    using __ = keepSession(file)
    const connection = new AbortController()
    const { body } = await withApi(file, api => api.openLogs(args.name, query, connection.signal))
    await printAll(body)
    connection.abort()
    // It ends with the droplet, or with the session, which is to be known.
    if (args.follow) await call(file, api => api.user.me.get())
  },
})

/** On a terminal as text that drives nothing, else the bytes as they are. */
async function printAll(body: ReadableStream<Uint8Array> | null): Promise<void> {
  const harmless = process.stdout.isTTY ? createHarmlessText() : undefined
  for await (const bytes of chunksOf(body)) {
    if (!(await print(harmless ? harmless.push(bytes) : bytes))) return
  }
  if (harmless) await print(harmless.end())
}

/** @throws ConnectionLost when it breaks off */
async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  try {
    yield* body ?? []
  } catch (cause) {
    throw new ConnectionLost('The server broke off what the droplet says', { cause })
  }
}
